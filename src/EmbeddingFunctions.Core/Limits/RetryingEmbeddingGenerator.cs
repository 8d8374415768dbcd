using EmbeddingFunctions.Providers;
using Microsoft.Extensions.AI;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.Limits;

/// <summary>Tries a request again after a passing fault: as the provider asked, else after growing, jittered waits. Everybody waits along.</summary>
internal sealed class RetryingEmbeddingGenerator : DelegatingEmbeddingGenerator<string, Embedding<float>>
{
    private const int Retries = 4;

    // The work may have been done each time, and paid for.
    private const int RetriesThatMayCost = 1;

    private static readonly TimeSpan _firstWait = TimeSpan.FromMilliseconds(500);

    private static readonly ResiliencePropertyKey<string> _model = new("model");

    private readonly ProviderGate _gate;
    private readonly string _standardModel;
    private readonly ResiliencePipeline _pipeline;

    public RetryingEmbeddingGenerator(IEmbeddingGenerator<string, Embedding<float>> inner, ProviderGate gate, string standardModel, TimeProvider time)
        : base(inner)
    {
        (_gate, _standardModel) = (gate, standardModel);
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = arguments => new(arguments.Outcome.Exception is ProviderException e && MayRetry(e, arguments.AttemptNumber)),
            MaxRetryAttempts = Retries,
            DelayGenerator = arguments => new(Wait((ProviderException)arguments.Outcome.Exception!, arguments.AttemptNumber)),
            OnRetry = arguments => new(_gate.Pause(
                arguments.Context.Properties.GetValue(_model, standardModel), arguments.RetryDelay, (ProviderException)arguments.Outcome.Exception!)),
        }).Build();
    }

    /// <exception cref="ProviderException">A passing one says how long the provider is to be left alone.</exception>
    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        var model = options?.ModelId ?? _standardModel;
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        context.Properties.Set(_model, model);
        try
        {
            return await _pipeline.ExecuteAsync(async attempt => await base.GenerateAsync(inputs, options, attempt.CancellationToken), context);
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.Passing && !e.IsLocal)
        {
            // Whoever calls next finds the pause instead of a provider that is known to be busy.
            var pause = e.RetryAfter ?? ProviderGate.StandardPause;
            await _gate.Pause(model, pause, e);
            throw new ProviderException(ProviderFault.Passing, e.Message, e) { RetryAfter = pause };
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private static bool MayRetry(ProviderException e, int attempt) => e.Fault switch
    {
        ProviderFault.Reply => attempt < RetriesThatMayCost,
        ProviderFault.Passing when e.IsTimeout => attempt < RetriesThatMayCost,
        ProviderFault.Passing => e.RetryAfter is null || e.RetryAfter <= ProviderGate.LongestWait,
        _ => false,
    };

    // What was asked for is never shortened: earlier than asked would only earn another refusal.
    private static TimeSpan? Wait(ProviderException e, int attempt) => e.RetryAfter is { } hint
        ? hint + TimeSpan.FromMilliseconds(Random.Shared.Next(20, 250))
        : _firstWait * Math.Pow(2, attempt) * (0.75 + (Random.Shared.NextDouble() / 2));
}
