using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>Calls that wait together, and calls that are cancelled while they wait.</summary>
public sealed class WaitingCallTests : ModelLimiterTest
{
    [Fact]
    public async Task A_cancelled_probe_lets_another_caller_probe()
    {
        using var leaving = new CancellationTokenSource();
        var never = new TaskCompletionSource<int>();
        var probe = Call(() => never.Task.WaitAsync(leaving.Token));
        var next = Call(() => Task.FromResult(2));
        Assert.Equal(1, Calls);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
        Assert.Equal(2, await next);
    }

    [Fact]
    public async Task A_cancelled_caller_frees_its_place_in_the_queue()
    {
        using var leaving = new CancellationTokenSource();
        var reply = new TaskCompletionSource<int>();
        var probe = Call(() => reply.Task);
        var left = Call(() => Task.FromResult(1), cancellation: leaving.Token);
        var stayed = Call(() => Task.FromResult(2));

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        reply.SetResult(0);

        Assert.Equal((0, 2), (await probe, await stayed));
    }

    [Fact]
    public async Task A_probe_cancelled_while_it_waits_for_the_limit_lets_another_caller_probe()
    {
        using var leaving = new CancellationTokenSource();
        using var limiter = Limiters.Create(Clock, new RateLimits(60, 1_000_000));
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw Asking(TimeSpan.FromMilliseconds(1)), limiter: limiter));
        var probe = Call(() => Task.FromResult(1), limiter, leaving.Token);
        await Until(() => Clock.Waiting == 1);
        var next = Call(() => Task.FromResult(2), limiter: limiter);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
        await Clock.Drive(next);
        Assert.Equal(2, Calls);
    }

    [Fact]
    public async Task Calls_that_wait_together_cost_the_store_one_change()
    {
        var store = new SlowStore(new MemoryLimiterStore(Clock));
        using var limiter = Limiters.Create(Clock, new RateLimits(6_000, 1_000_000), store);
        await Call(() => Task.FromResult(1), limiter);
        var before = store.Exchanges;

        OneThread.Run(
            Clock, () => Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Call(() => Task.FromResult(1), limiter))), () => false);

        Assert.Equal(31, Calls);
        Assert.InRange(store.Exchanges - before, 1, 2);
    }

    [Fact]
    public void Calls_that_wait_together_keep_the_limit()
    {
        using var limiter = Limiters.Create(Clock, new RateLimits(60, 1_000_000), new SlowStore(new MemoryLimiterStore(Clock)));
        var times = new List<DateTimeOffset>();

        OneThread.Run(
            Clock,
            () => Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Call(
                () =>
                {
                    times.Add(Clock.GetUtcNow());
                    return Task.FromResult(1);
                },
                limiter))),
            () => false);

        Assert.Equal(30, times.Count);
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromSeconds(1), $"{pair}"));
        Assert.InRange(times[^1] - times[0], TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    /// <summary>A store with a network between, so that callers meet in the queue.</summary>
    private sealed class SlowStore(ILimiterStore inner) : ILimiterStore
    {
        public int Exchanges { get; private set; }

        public async Task<StoredState?> Read(string name)
        {
            await Task.Yield();
            return await inner.Read(name);
        }

        public async Task<StoredState?> Exchange(string name, string? expected, string next)
        {
            Exchanges++;
            await Task.Yield();
            return await inner.Exchange(name, expected, next);
        }
    }
}
