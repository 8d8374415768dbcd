using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

public sealed class ModelLimiterTests : ModelLimiterTest
{
    private static readonly ProviderException _busy = new(ProviderFault.Transient, "busy");
    private static readonly ProviderException _wrongKey = new(ProviderFault.Configuration, "wrong key");

    [Fact]
    public async Task Until_one_call_has_succeeded_the_others_wait()
    {
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 8).Select(_ => Call(() => reply.Task)).ToList();
        Assert.Equal(1, Calls);

        reply.SetResult(7);

        Assert.All(await Task.WhenAll(callers), result => Assert.Equal(7, result));
        Assert.Equal(8, Calls);
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

        Assert.Equal(1, Calls);
    }

    [Fact]
    public async Task An_open_circuit_is_probed_once_in_five_minutes()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw _wrongKey));
        Clock.Advance(TimeSpan.FromSeconds(299));
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw _wrongKey));
        Assert.Equal(1, Calls);

        Clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(1, await Call(() => Task.FromResult(1)));
        Assert.Equal(2, Calls);
    }

    [Fact]
    public async Task The_reason_of_an_open_circuit_outlives_a_pause()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw _wrongKey));
        await Limiter.Of(Model).Pause(TimeSpan.FromMinutes(2), _busy);

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
        Assert.Equal(2, Calls);

        Clock.Advance(TimeSpan.FromSeconds(5.1));
        await Until(() => Calls == 3);
        reply.SetResult(1);
        await Task.WhenAll(callers);

        Assert.Equal(10, Calls);
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
        Clock.Advance(TimeSpan.FromSeconds(5.1));
        await Until(() => Calls == 4);

        late.SetResult(1);
        await Task.WhenAll(callers);
    }

    [Fact]
    public async Task A_call_that_waits_for_the_limit_when_another_fails_waits_for_the_pause_as_well()
    {
        using var limiter = Limiters.Create(Clock, new RateLimits(60, 1_000_000));
        var early = new TaskCompletionSource<int>();
        await Clock.Drive(Call(() => Task.FromResult(1), limiter: limiter));
        var failing = Call(() => early.Task, limiter: limiter);
        await Until(() => Clock.Waiting == 1);
        Clock.RingNext();
        await Until(() => Calls == 2);
        var waiting = Call(() => Task.FromResult(1), limiter: limiter);
        await Until(() => Clock.Waiting == 1);

        early.SetException(Asking(TimeSpan.FromSeconds(5)));
        await Assert.ThrowsAsync<ProviderException>(() => failing);
        var failedAt = Clock.GetUtcNow();
        await Clock.Drive(waiting);

        Assert.Equal(3, Calls);
        Assert.True(Clock.GetUtcNow() - failedAt >= TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_pause_longer_than_ten_seconds_is_left_to_the_caller()
    {
        await Limiter.Of(Model).Pause(TimeSpan.FromSeconds(90), _busy);
        Clock.Advance(TimeSpan.FromSeconds(30));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Call(() => Task.FromResult(1)));

        Assert.Equal((ProviderFault.Transient, TimeSpan.FromSeconds(60), 0), (fault.Fault, fault.RetryAfter, Calls));
    }

    [Fact]
    public async Task A_shorter_pause_does_not_end_a_longer_one()
    {
        await Limiter.Of(Model).Pause(TimeSpan.FromSeconds(90), _busy);
        await Limiter.Of(Model).Pause(TimeSpan.FromSeconds(1), _busy);
        Clock.Advance(TimeSpan.FromSeconds(2));

        await Assert.ThrowsAsync<ProviderException>(() => Call(() => Task.FromResult(1)));
    }

    [Fact]
    public async Task A_refused_text_closes_the_circuit()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(() => throw new ProviderException(ProviderFault.Item, "no")));
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 3).Select(_ => Call(() => reply.Task)).ToList();

        Assert.Equal(4, Calls);
        reply.SetResult(1);
        await Task.WhenAll(callers);
    }
}
