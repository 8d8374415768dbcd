using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>A circuit that several processes open, probe and close together.</summary>
public sealed class SharedCircuitTests : SharedLimiterTest
{
    [Fact]
    public async Task A_wrong_key_costs_one_call_however_many_processes_use_it()
    {
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 8).Select(_ => Call(Process(), () => reply.Task)).ToList();
        Assert.Equal(1, Calls);

        reply.SetException(WrongKey);
        foreach (var caller in callers)
        {
            var fault = await Assert.ThrowsAsync<ProviderException>(() => Drive(caller));
            Assert.Equal(ProviderFault.Configuration, fault.Fault);
        }

        Assert.Equal(1, Calls);
    }

    [Fact]
    public async Task Another_key_is_tried_at_once_and_the_circuit_of_the_refused_one_stays_open()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw WrongKey));

        Assert.Equal(1, await Call(Process(key: "another")));
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process()));

        Assert.Equal(2, Calls);
    }

    [Fact]
    public async Task After_five_minutes_one_process_probes_and_its_success_lets_all_call()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw WrongKey));
        Clock.Advance(TimeSpan.FromMinutes(5));
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 4).Select(_ => Call(Process(), () => reply.Task)).ToList();
        Assert.Equal(2, Calls);

        reply.SetResult(1);
        await Drive(Task.WhenAll(callers));

        Assert.Equal(5, Calls);
    }

    [Fact]
    public async Task A_process_that_dies_while_it_probes_delays_the_next_probe_by_at_most_five_minutes()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw WrongKey));
        Clock.Advance(TimeSpan.FromMinutes(5));
        _ = Call(Process(), () => new TaskCompletionSource<int>().Task);

        Clock.Advance(TimeSpan.FromMinutes(2));
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process()));
        Clock.Advance(TimeSpan.FromMinutes(3));

        Assert.Equal(1, await Call(Process()));
    }

    [Fact]
    public async Task Resuming_lets_the_next_call_through()
    {
        var (first, second) = (Process(), Process());
        await Assert.ThrowsAsync<ProviderException>(() => Call(first, () => throw WrongKey));
        var stopped = new ProviderStatus(Model, ProviderStatus.Stopped, "wrong key", Clock.GetUtcNow().AddMinutes(5));
        Assert.Equal([stopped, stopped], [await first.Status(default), await second.Status(default)]);

        await second.Resume();
        Assert.Equal(stopped with { State = ProviderStatus.Untried, Until = null }, await first.Status(default));
        await Call(second);

        Assert.Equal(ProviderStatus.Available, (await first.Status(default)).State);
        await Call(first);
    }

    [Fact]
    public async Task A_fault_of_one_machine_stops_no_other()
    {
        var noToken = new ProviderException(ProviderFault.Configuration, "no token") { IsLocal = true };
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw noToken));

        Assert.Equal(1, await Call(Process()));
        Assert.Equal(ProviderStatus.Available, (await Process().Status(default)).State);
    }

    [Fact]
    public async Task A_fault_of_a_call_from_before_the_circuit_was_closed_again_is_ignored()
    {
        var (process, early) = (Process(), new TaskCompletionSource<int>());
        await Call(process);
        var slow = Call(process, () => early.Task);
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw WrongKey));
        await process.Resume();
        await Call(process);

        early.SetException(WrongKey);
        await Assert.ThrowsAsync<ProviderException>(() => slow);

        Assert.Equal(ProviderStatus.Available, (await process.Status(default)).State);
    }

    [Fact]
    public async Task A_circuit_that_may_be_probed_is_shown_as_untried()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw WrongKey));
        Clock.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(new ProviderStatus(Model, ProviderStatus.Untried, "wrong key", null), await Process().Status(default));
    }

    [Fact]
    public async Task An_unreadable_state_is_replaced_after_a_probe()
    {
        await Store.Exchange("provider model", null, """{"bucket": 7}""");

        Assert.Equal(1, await Call(Process()));
    }

    [Fact]
    public async Task A_key_refused_in_the_middle_stops_every_process()
    {
        var (first, second) = (Process(), Process());
        await Call(first);
        await Call(second);
        await Assert.ThrowsAsync<ProviderException>(() => Call(first, () => throw WrongKey));

        var stop = await Assert.ThrowsAsync<ProviderException>(() => Call(second));

        Assert.StartsWith("wrong key", stop.Message, StringComparison.Ordinal);
        Assert.Equal(3, Calls);
    }

    [Fact]
    public async Task A_key_refused_while_another_process_waits_to_probe_stops_it_too()
    {
        var (process, limited) = (Process(), Process(new RateLimits(60, 1_000_000)));
        var (busy, refused) = (new TaskCompletionSource<int>(), new TaskCompletionSource<int>());
        await Call(process);
        var (first, second) = (Call(process, () => busy.Task), Call(process, () => refused.Task));
        await Call(limited);
        busy.SetException(Busy(TimeSpan.FromMilliseconds(1)));
        await Assert.ThrowsAsync<ProviderException>(() => first);
        Clock.Advance(TimeSpan.FromMilliseconds(2));
        var probing = Call(limited);

        refused.SetException(WrongKey);
        await Assert.ThrowsAsync<ProviderException>(() => second);
        await Assert.ThrowsAsync<ProviderException>(async () => await Drive(probing));

        Assert.Equal(4, Calls);
        Assert.Equal(ProviderStatus.Stopped, (await process.Status(default)).State);
    }

    [Fact]
    public async Task An_abandoned_probe_lets_another_process_probe_at_once()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw WrongKey));
        Clock.Advance(TimeSpan.FromMinutes(5));
        await Assert.ThrowsAsync<TaskCanceledException>(() => Call(Process(), () => throw new TaskCanceledException()));

        await Call(Process());

        Assert.Equal(3, Calls);
    }
}
