using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>One limiter, and the calls that are made through it.</summary>
public abstract class ModelLimiterTest : IDisposable
{
    private protected const string Model = "model";

    private int _calls;

    private protected ModelLimiterTest() => Limiter = Limiters.Create(Clock);

    private protected ManualClock Clock { get; } = new();

    private protected SharedRateLimiter Limiter { get; }

    private protected int Calls => _calls;

    public void Dispose()
    {
        Limiter.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static ProviderException Asking(TimeSpan wait) => new(ProviderFault.Transient, "busy") { RetryAfter = wait };

    private protected Task<int> Call(Func<Task<int>> call, SharedRateLimiter? limiter = null, CancellationToken cancellation = default) =>
        (limiter ?? Limiter).Of(Model).Call(
            tokens: 1,
            isInteractive: false,
            () =>
            {
                Interlocked.Increment(ref _calls);
                return call();
            },
            cancellation);

    private protected static async Task Until(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            Assert.True(i < 100_000, "timed out waiting for the condition");
            await Task.Yield();
        }
    }
}
