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

    private readonly ProviderGate _gate;
    private readonly ResiliencePipeline _pipeline;

    public RetryingEmbeddingGenerator(IEmbeddingGenerator<string, Embedding<float>> inner, ProviderGate gate, TimeProvider time)
        : base(inner)
    {
        _gate = gate;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = arguments => new(arguments.Outcome.Exception is ProviderException e && MayRetry(e, arguments.AttemptNumber)),
            MaxRetryAttempts = Retries,
            DelayGenerator = arguments => new(Wait((ProviderException)arguments.Outcome.Exception!, arguments.AttemptNumber)),
            OnRetry = arguments =>
            {
                _gate.Pause(arguments.RetryDelay, (ProviderException)arguments.Outcome.Exception!);
                return default;
            },
        }).Build();
    }

    /// <exception cref="ProviderException">A passing one says how long the provider is to be left alone.</exception>
    public override async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        var inputs = values as IReadOnlyList<string> ?? values.ToList();
        try
        {
            return await _pipeline.ExecuteAsync(async token => await base.GenerateAsync(inputs, options, token), cancellationToken);
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.Passing)
        {
            // Whoever calls next finds the pause instead of a provider that is known to be busy.
            var pause = e.RetryAfter ?? ProviderGate.StandardPause;
            _gate.Pause(pause, e);
            throw new ProviderException(ProviderFault.Passing, e.Message, e) { RetryAfter = pause };
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
