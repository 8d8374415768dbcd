using EmbeddingFunctions.Providers;
using Microsoft.Extensions.AI;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.Limits;

/// <summary>
/// Tries a request again after a passing fault: as the provider asked, else after growing, jittered waits, which hold for all callers.
/// Where nothing listens and nothing ever answered, the address is taken for a mistake after a few tries.
/// </summary>
internal sealed class RetryingEmbeddingGenerator : DelegatingEmbeddingGenerator<string, Embedding<float>>
{
    private const int Retries = 4;

    // The work may have been done each time, and paid for.
    private const int RetriesThatMayCost = 1;

    // Each may take the time that connecting may take: half a minute in all.
    private const int RetriesOfAnUnknownAddress = 2;

    private static readonly TimeSpan _firstWait = TimeSpan.FromMilliseconds(500);

    private static readonly ResiliencePropertyKey<string> _model = new("model");

    private readonly ProviderGate _gate;
    private readonly string _standardModel;
    private readonly ProviderOutages? _outages;
    private readonly ResiliencePipeline _pipeline;

    public RetryingEmbeddingGenerator(
        IEmbeddingGenerator<string, Embedding<float>> inner, ProviderGate gate, string standardModel, TimeProvider time, ProviderOutages? outages = null)
        : base(inner)
    {
        (_gate, _standardModel, _outages) = (gate, standardModel, outages);
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = async arguments => arguments.Outcome.Exception is ProviderException e && MayRetry(e, arguments.AttemptNumber)
                && (arguments.AttemptNumber < RetriesOfAnUnknownAddress || !await IsUnknown(e, ModelOf(arguments.Context))),
            MaxRetryAttempts = Retries,
            DelayGenerator = arguments => new(Wait((ProviderException)arguments.Outcome.Exception!, arguments.AttemptNumber)),
            OnRetry = arguments => new(_gate.Pause(
                ModelOf(arguments.Context), arguments.RetryDelay, (ProviderException)arguments.Outcome.Exception!)),
        }).Build();

        string ModelOf(ResilienceContext context) => context.Properties.GetValue(_model, standardModel);
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
            var reply = await _pipeline.ExecuteAsync(
                async attempt => await base.GenerateAsync(inputs, options, attempt.CancellationToken), context);
            _outages?.Answered(model);
            return reply;
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Passing or ProviderFault.Configuration)
        {
            var final = await Tell(e, model);
            _outages?.Failed(model, final);
            if (final == e)
            {
                throw;
            }

            throw final;
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Tells all callers of a fault that no retry has helped.</summary>
    private async Task<ProviderException> Tell(ProviderException e, string model)
    {
        if (e.Fault == ProviderFault.Configuration || e.IsLocal)
        {
            return e;
        }

        if (await IsUnknown(e, model))
        {
            var stop = new ProviderException(ProviderFault.Configuration, $"{e.Message} Nothing has answered there yet.", e);
            await _gate.Stop(model, stop);
            return stop;
        }

        // The next caller finds the pause instead of a provider that is known to be busy.
        var pause = e.RetryAfter ?? ProviderGate.StandardPause;
        await _gate.Pause(model, pause, e);
        return new ProviderException(ProviderFault.Passing, e.Message, e) { RetryAfter = pause };
    }

    private async Task<bool> IsUnknown(ProviderException e, string model) => e.IsUnreachable && !await _gate.HasAnswered(model);

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
