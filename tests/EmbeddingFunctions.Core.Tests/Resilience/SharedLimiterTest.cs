using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>Several processes, each with a limiter of its own, that share the state of one provider.</summary>
public abstract class SharedLimiterTest : IDisposable
{
    private protected const string Model = "model";

    private readonly List<SharedRateLimiter> _limiters = [];
    private int _calls;

    private protected SharedLimiterTest() => Store = new MemoryLimiterStore(Clock);

    private protected static ProviderException WrongKey { get; } = new(ProviderFault.Configuration, "wrong key");

    private protected ManualClock Clock { get; } = new();

    private protected MemoryLimiterStore Store { get; }

    /// <summary>The limiters of the processes, in the order in which they began.</summary>
    private protected IReadOnlyList<SharedRateLimiter> Begun => _limiters;

    private protected int Calls => _calls;

    public void Dispose()
    {
        _limiters.ForEach(limiter => limiter.Dispose());
        GC.SuppressFinalize(this);
    }

    private protected static ProviderException Busy(TimeSpan wait) => new(ProviderFault.Transient, "busy") { RetryAfter = wait };

    private protected ModelLimiter Process(RateLimits? limits = null, string key = "key", ILogger<SharedRateLimiter>? log = null)
    {
        var limiter = Limiters.Create(Clock, limits, Store, key, log);
        _limiters.Add(limiter);
        return limiter.Of(Model);
    }

    private protected Task<int> Call(ModelLimiter process, Func<Task<int>>? call = null) => process.Call(
        tokens: 1,
        isInteractive: false,
        () =>
        {
            Interlocked.Increment(ref _calls);
            return call?.Invoke() ?? Task.FromResult(1);
        },
        default);

    private protected TimeSpan TimeOf(ModelLimiter process, int calls)
    {
        var begun = Clock.GetUtcNow();
        OneThread.Run(Clock, () => Task.WhenAll(Enumerable.Range(0, calls).Select(_ => Call(process))), () => false);
        return Clock.GetUtcNow() - begun;
    }

    private protected async Task<T> Drive<T>(Task<T> task)
    {
        await Clock.Drive(task);
        return await task;
    }
}
