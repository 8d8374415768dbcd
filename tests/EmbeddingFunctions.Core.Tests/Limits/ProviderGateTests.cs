using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.Core.Tests.Limits;

public sealed class ProviderGateTests : IDisposable
{
    private const string Model = "model";

    private static readonly ProviderException _busy = new(ProviderFault.Passing, "busy");
    private static readonly ProviderException _wrongKey = new(ProviderFault.Configuration, "wrong key");

    private readonly ManualClock _clock = new();
    private readonly ProviderGate _gate;
    private int _calls;

    public ProviderGateTests() => _gate = Gates.Create(_clock);

    public void Dispose() => _gate.Dispose();

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
    public async Task A_stopped_provider_is_asked_once_in_five_minutes()
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
    public async Task The_reason_of_a_stop_outlives_a_pause_for_another()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw _wrongKey));
        await _gate.Pause(Model, TimeSpan.FromMinutes(20), _busy);

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
    public async Task A_call_that_waits_for_room_when_another_fails_waits_for_the_pause_as_well()
    {
        using var gate = Gates.Create(_clock, new RateLimits(60, 1_000_000));
        var early = new TaskCompletionSource<int>();
        await _clock.Drive(Call(() => Task.FromResult(1), gate: gate));
        var failing = Call(() => early.Task, gate: gate);
        await Until(() => _clock.Waiting == 1);
        _clock.RingNext();
        await Until(() => _calls == 2);
        var waiting = Call(() => Task.FromResult(1), gate: gate);
        await Until(() => _clock.Waiting == 1);

        early.SetException(Asking(TimeSpan.FromSeconds(5)));
        await Assert.ThrowsAsync<ProviderException>(() => failing);
        var failedAt = _clock.GetUtcNow();
        await _clock.Drive(waiting);

        Assert.Equal(3, _calls);
        Assert.True(_clock.GetUtcNow() - failedAt >= TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_pause_longer_than_ten_seconds_is_the_callers_to_wait_out()
    {
        await _gate.Pause(Model, TimeSpan.FromSeconds(90), _busy);
        _clock.Advance(TimeSpan.FromSeconds(30));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Call(() => Task.FromResult(1)));

        Assert.Equal((ProviderFault.Passing, TimeSpan.FromSeconds(60), 0), (fault.Fault, fault.RetryAfter, _calls));
    }

    [Fact]
    public async Task A_shorter_pause_does_not_end_a_longer_one()
    {
        await _gate.Pause(Model, TimeSpan.FromSeconds(90), _busy);
        await _gate.Pause(Model, TimeSpan.FromSeconds(1), _busy);
        _clock.Advance(TimeSpan.FromSeconds(2));

        await Assert.ThrowsAsync<ProviderException>(() => Call(() => Task.FromResult(1)));
    }

    [Fact]
    public async Task A_cancelled_probe_makes_way_for_the_next()
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
    public async Task Whoever_leaves_the_queue_takes_nobodys_place()
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
    public async Task A_probe_cancelled_while_it_waits_for_room_makes_way_too()
    {
        using var leaving = new CancellationTokenSource();
        using var gate = Gates.Create(_clock, new RateLimits(60, 1_000_000));
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw Asking(TimeSpan.FromMilliseconds(1)), gate: gate));
        var probe = Call(() => Task.FromResult(1), gate, leaving.Token);
        await Until(() => _clock.Waiting == 1);
        var next = Call(() => Task.FromResult(2), gate: gate);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => probe);
        await _clock.Drive(next);
        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task A_refused_text_is_an_answer_and_keeps_nobody_waiting()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw new ProviderException(ProviderFault.Item, "no")));
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 3).Select(_ => Call(() => reply.Task)).ToList();

        Assert.Equal(4, _calls);
        reply.SetResult(1);
        await Task.WhenAll(callers);
    }

    private static ProviderException Asking(TimeSpan wait) => new(ProviderFault.Passing, "busy") { RetryAfter = wait };

    private Task<int> Call(Func<Task<int>> call, ProviderGate? gate = null, CancellationToken cancellation = default) =>
        (gate ?? _gate).Call(
            new GateRequest(Model, Tokens: 1),
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
            Assert.True(i < 100_000, "it never came to be");
            await Task.Yield();
        }
    }
}
