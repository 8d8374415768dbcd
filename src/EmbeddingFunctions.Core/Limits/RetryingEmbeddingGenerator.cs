using EmbeddingFunctions.Providers;
using Microsoft.Extensions.AI;
using Polly;
using Polly.Retry;

namespace EmbeddingFunctions.Limits;

/// <summary>Tries a request again after a passing fault: as the provider asked, else after growing, jittered waits. Everybody waits along.</summary>
internal sealed class RetryingEmbeddingGenerator : DelegatingEmbeddingGenerator<string, Embedding<float>>
{
    private const int Retries = 4;

    private static readonly TimeSpan _longestHint = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan _standardPause = TimeSpan.FromSeconds(30);

    private readonly ProviderGate _gate;
    private readonly ResiliencePipeline _pipeline;

    public RetryingEmbeddingGenerator(IEmbeddingGenerator<string, Embedding<float>> inner, ProviderGate gate, TimeProvider time)
        : base(inner)
    {
        _gate = gate;
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<ProviderException>(MayRetry),
            MaxRetryAttempts = Retries,
            BackoffType = DelayBackoffType.Exponential,
            Delay = TimeSpan.FromMilliseconds(500),
            MaxDelay = ProviderGate.LongestWait,
            UseJitter = true,
            DelayGenerator = static arguments => new(Hint(arguments.Outcome.Exception)),
            OnRetry = arguments =>
            {
                _gate.Pause(arguments.RetryDelay, (ProviderException)arguments.Outcome.Exception!);
                return default;
            },
        }).Build();
    }

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
            _gate.Pause(Min(e.RetryAfter ?? _standardPause, _longestHint), e);
            throw;
        }
    }

    private static bool MayRetry(ProviderException e) =>
        e.Fault is ProviderFault.Passing or ProviderFault.Reply && (e.RetryAfter is null || e.RetryAfter <= ProviderGate.LongestWait);

    // The jitter is added, never subtracted: earlier than asked would only earn another refusal.
    private static TimeSpan? Hint(Exception? e) =>
        e is ProviderException { RetryAfter: { } hint } ? hint + TimeSpan.FromMilliseconds(Random.Shared.Next(20, 250)) : null;

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
