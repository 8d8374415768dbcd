using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

public sealed class ModelLimiterTests : IDisposable
{
    private const string Model = "model";

    private static readonly ProviderException _busy = new(ProviderFault.Passing, "busy");
    private static readonly ProviderException _wrongKey = new(ProviderFault.Configuration, "wrong key");

    private readonly ManualClock _clock = new();
    private readonly SharedRateLimiter _limiter;
    private int _calls;

    public ModelLimiterTests() => _limiter = Limiters.Create(_clock);

    public void Dispose() => _limiter.Dispose();

    [Fact]
    public async Task Until_one_call_has_succeeded_the_others_wait()
    {
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 8).Select(_ => Call(() => reply.Task)).ToList();
        Assert.Equal(1, _calls);

        reply.SetResult(7);

        Assert.All(await Task.WhenAll(callers), result => Assert.Equal(7, result));
        Assert.Equal(8, _calls);
    }

    [Fact]
    public async Task A_wrong_key_costs_one_call_however_many_wait()
    {
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 8).Select(_ => Call(() => reply.Task)).ToList();

        reply.SetException(_wrongKey);

        foreach (var caller in callers)
        {
            var fault = await Assert.ThrowsAsync<ProviderException>(() => caller);
            Assert.Equal(ProviderFault.Configuration, fault.Fault);
            Assert.StartsWith("wrong key", fault.Message);
        }

        Assert.Equal(1, _calls);
    }

    [Fact]
    public async Task An_open_circuit_is_probed_once_in_five_minutes()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw _wrongKey));
        _clock.Advance(TimeSpan.FromSeconds(299));
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw _wrongKey));
        Assert.Equal(1, _calls);

        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(1, await Call(() => Task.FromResult(1)));
        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task The_reason_of_an_open_circuit_outlives_a_pause()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw _wrongKey));
        await _limiter.Of(Model).Pause(TimeSpan.FromMinutes(2), _busy);

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Call(() => Task.FromResult(1)));

        Assert.Equal(ProviderFault.Configuration, fault.Fault);
        Assert.StartsWith("wrong key (it is tried again at 03:09:05 UTC", fault.Message);
    }

    [Fact]
    public async Task A_pause_ends_with_one_call_not_with_a_storm()
    {
        await Call(() => Task.FromResult(1));
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw Asking(TimeSpan.FromSeconds(5))));
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 8).Select(_ => Call(() => reply.Task)).ToList();
        Assert.Equal(2, _calls);

        _clock.Advance(TimeSpan.FromSeconds(5.1));
        await Until(() => _calls == 3);
        reply.SetResult(1);
        await Task.WhenAll(callers);

        Assert.Equal(10, _calls);
    }

    [Fact]
    public async Task A_call_from_before_the_fault_proves_nothing()
    {
        await Call(() => Task.FromResult(1));
        var early = new TaskCompletionSource<int>();
        var sentBefore = Call(() => early.Task);
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw Asking(TimeSpan.FromSeconds(5))));

        early.SetResult(1);
        await sentBefore;
        var late = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 4).Select(_ => Call(() => late.Task)).ToList();
        _clock.Advance(TimeSpan.FromSeconds(5.1));
        await Until(() => _calls == 4);

        late.SetResult(1);
        await Task.WhenAll(callers);
    }

    [Fact]
    public async Task A_call_that_waits_for_the_limit_when_another_fails_waits_for_the_pause_as_well()
    {
        using var limiter = Limiters.Create(_clock, new RateLimits(60, 1_000_000));
        var early = new TaskCompletionSource<int>();
        await _clock.Drive(Call(() => Task.FromResult(1), limiter: limiter));
        var failing = Call(() => early.Task, limiter: limiter);
        await Until(() => _clock.Waiting == 1);
        _clock.RingNext();
        await Until(() => _calls == 2);
        var waiting = Call(() => Task.FromResult(1), limiter: limiter);
        await Until(() => _clock.Waiting == 1);

        early.SetException(Asking(TimeSpan.FromSeconds(5)));
        await Assert.ThrowsAsync<ProviderException>(() => failing);
        var failedAt = _clock.GetUtcNow();
        await _clock.Drive(waiting);

        Assert.Equal(3, _calls);
        Assert.True(_clock.GetUtcNow() - failedAt >= TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_pause_longer_than_ten_seconds_is_left_to_the_caller()
    {
        await _limiter.Of(Model).Pause(TimeSpan.FromSeconds(90), _busy);
        _clock.Advance(TimeSpan.FromSeconds(30));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Call(() => Task.FromResult(1)));

        Assert.Equal((ProviderFault.Passing, TimeSpan.FromSeconds(60), 0), (fault.Fault, fault.RetryAfter, _calls));
    }

    [Fact]
    public async Task A_shorter_pause_does_not_end_a_longer_one()
    {
        await _limiter.Of(Model).Pause(TimeSpan.FromSeconds(90), _busy);
        await _limiter.Of(Model).Pause(TimeSpan.FromSeconds(1), _busy);
        _clock.Advance(TimeSpan.FromSeconds(2));

        await Assert.ThrowsAsync<ProviderException>(() => Call(() => Task.FromResult(1)));
    }

    [Fact]
    public async Task A_cancelled_probe_lets_another_caller_probe()
    {
        using var leaving = new CancellationTokenSource();
        var never = new TaskCompletionSource<int>();
        var probe = Call(() => never.Task.WaitAsync(leaving.Token));
        var next = Call(() => Task.FromResult(2));
        Assert.Equal(1, _calls);

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
        using var limiter = Limiters.Create(_clock, new RateLimits(60, 1_000_000));
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw Asking(TimeSpan.FromMilliseconds(1)), limiter: limiter));
        var probe = Call(() => Task.FromResult(1), limiter, leaving.Token);
        await Until(() => _clock.Waiting == 1);
        var next = Call(() => Task.FromResult(2), limiter: limiter);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
        await _clock.Drive(next);
        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task A_refused_text_closes_the_circuit()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw new ProviderException(ProviderFault.Item, "no")));
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 3).Select(_ => Call(() => reply.Task)).ToList();

        Assert.Equal(4, _calls);
        reply.SetResult(1);
        await Task.WhenAll(callers);
    }

    [Fact]
    public async Task Calls_that_wait_together_cost_the_store_one_change()
    {
        var store = new SlowStore(new MemoryLimiterStore(_clock));
        using var limiter = Limiters.Create(_clock, new RateLimits(6_000, 1_000_000), store);
        await Call(() => Task.FromResult(1), limiter);
        var before = store.Exchanges;

        OneThread.Run(
            _clock, () => Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Call(() => Task.FromResult(1), limiter))), () => false);

        Assert.Equal(31, _calls);
        Assert.InRange(store.Exchanges - before, 1, 2);
    }

    [Fact]
    public void Calls_that_wait_together_keep_the_limit()
    {
        using var limiter = Limiters.Create(_clock, new RateLimits(60, 1_000_000), new SlowStore(new MemoryLimiterStore(_clock)));
        var times = new List<DateTimeOffset>();

        OneThread.Run(
            _clock,
            () => Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Call(
                () =>
                {
                    times.Add(_clock.GetUtcNow());
                    return Task.FromResult(1);
                },
                limiter))),
            () => false);

        Assert.Equal(30, times.Count);
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromSeconds(1), $"{pair}"));
        Assert.InRange(times[^1] - times[0], TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    private static ProviderException Asking(TimeSpan wait) => new(ProviderFault.Passing, "busy") { RetryAfter = wait };

    private Task<int> Call(Func<Task<int>> call, SharedRateLimiter? limiter = null, CancellationToken cancellation = default) =>
        (limiter ?? _limiter).Of(Model).Call(
            tokens: 1,
            isInteractive: false,
            () =>
            {
                Interlocked.Increment(ref _calls);
                return call();
            },
            cancellation);

    private static async Task Until(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            Assert.True(i < 100_000, "timed out waiting for the condition");
            await Task.Yield();
        }
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
