using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.Core.Tests.Limits;

/// <summary>Several processes, each with a gate of its own, before one provider.</summary>
public sealed class SharedFlowTests : IDisposable
{
    private const string Model = "model";

    private static readonly ProviderException _wrongKey = new(ProviderFault.Configuration, "wrong key");

    private readonly ManualClock _clock = new();
    private readonly MemoryFlowStore _store;
    private readonly List<ProviderGate> _gates = [];
    private int _calls;

    public SharedFlowTests() => _store = new MemoryFlowStore(_clock, part: 1);

    public void Dispose() => _gates.ForEach(gate => gate.Dispose());

    [Fact]
    public async Task A_wrong_key_costs_one_call_however_many_processes_use_it()
    {
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 8).Select(_ => Call(Gate(), () => reply.Task)).ToList();
        Assert.Equal(1, _calls);

        reply.SetException(_wrongKey);
        foreach (var caller in callers)
        {
            var fault = await Assert.ThrowsAsync<ProviderException>(() => Drive(caller));
            Assert.Equal(ProviderFault.Configuration, fault.Fault);
        }

        Assert.Equal(1, _calls);
    }

    [Fact]
    public async Task Another_key_is_tried_at_once_and_the_refused_one_stays_stopped()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Gate(), () => throw _wrongKey));

        Assert.Equal(1, await Call(Gate(key: "another"), () => Task.FromResult(1)));
        await Assert.ThrowsAsync<ProviderException>(() => Call(Gate(), () => Task.FromResult(1)));

        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task After_five_minutes_one_process_tries_and_when_it_succeeds_all_go_on()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Gate(), () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 4).Select(_ => Call(Gate(), () => reply.Task)).ToList();
        Assert.Equal(2, _calls);

        reply.SetResult(1);
        await Drive(Task.WhenAll(callers));

        Assert.Equal(5, _calls);
    }

    [Fact]
    public async Task A_process_that_vanishes_while_it_tries_delays_the_next_try_by_no_more_than_five_minutes()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Gate(), () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));
        _ = Call(Gate(), () => new TaskCompletionSource<int>().Task);

        _clock.Advance(TimeSpan.FromMinutes(2));
        await Assert.ThrowsAsync<ProviderException>(() => Call(Gate(), () => Task.FromResult(1)));
        _clock.Advance(TimeSpan.FromMinutes(3));

        Assert.Equal(1, await Call(Gate(), () => Task.FromResult(1)));
    }

    [Fact]
    public async Task One_process_that_is_told_to_wait_makes_all_wait()
    {
        var (first, second) = (Gate(), Gate());
        await Call(first, () => Task.FromResult(1));
        await Call(second, () => Task.FromResult(1));
        await Assert.ThrowsAsync<ProviderException>(() => Call(first, () => throw Busy(TimeSpan.FromSeconds(2))));
        var pausedAt = _clock.GetUtcNow();

        await Drive(Call(second, () => Task.FromResult(1)));

        Assert.InRange(_clock.GetUtcNow() - pausedAt, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void All_processes_together_keep_the_limit()
    {
        var limits = new RateLimits(60, 1_000_000);
        var gates = Enumerable.Range(0, 4).Select(_ => Gate(limits)).ToList();
        var moments = new List<DateTimeOffset>();
        var begun = _clock.GetUtcNow();

        OneThread.Run(_clock, () => Task.WhenAll(gates.SelectMany(gate => Enumerable.Range(0, 30).Select(_ => Call(gate, () =>
        {
            moments.Add(_clock.GetUtcNow());
            return Task.FromResult(1);
        })))), () => false);

        Assert.Equal(120, moments.Count);
        Assert.All(moments.Zip(moments.Skip(60)), pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromMinutes(1), $"{pair.Second - pair.First}"));
        Assert.True((_clock.GetUtcNow() - begun).TotalMinutes < 2.1, $"{_clock.GetUtcNow() - begun}");
    }

    [Fact]
    public async Task What_the_server_says_of_its_limit_counts_for_all_for_ten_minutes()
    {
        var (first, second) = (Gate(), Gate());
        await Call(first, () => Task.FromResult(1));
        await first.Told(Model, new ProviderLimits(60, null, null));

        Assert.InRange(TimeOf(second, calls: 11), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(11));
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(TimeSpan.Zero, TimeOf(second, calls: 2));
    }

    [Fact]
    public async Task A_limit_that_is_used_up_is_waited_for_by_all_and_is_no_fault()
    {
        var (first, second) = (Gate(), Gate());
        await Call(first, () => Task.FromResult(1));
        await first.Told(Model, new ProviderLimits(60_000, 60_000, TimeSpan.FromSeconds(3)));

        Assert.InRange(TimeOf(second, calls: 1), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(3.1));
    }

    [Fact]
    public async Task A_person_does_not_stand_behind_the_batches()
    {
        var gate = Gate(new RateLimits(100, 1_000_000));
        await Call(gate, () => Task.FromResult(1));
        var batches = Enumerable.Range(0, 50).Select(_ => Call(gate, () => Task.FromResult(1))).ToList();

        var person = gate.Call(new GateRequest(Model, 10, IsForPerson: true), () => Task.FromResult(7), default);

        Assert.True(person.IsCompletedSuccessfully);
        await Drive(Task.WhenAll(batches));
    }

    [Fact]
    public async Task Resuming_lets_the_next_call_through()
    {
        var (first, second) = (Gate(), Gate());
        await Assert.ThrowsAsync<ProviderException>(() => Call(first, () => throw _wrongKey));
        Assert.Equal((ProviderStanding.Stopped, "wrong key"), (await second.Standing(Model, default)) is var standing ? (standing.State, standing.Reason) : default);

        await second.Resume(Model);
        await Call(second, () => Task.FromResult(1));

        Assert.Equal(ProviderStanding.Open, (await first.Standing(Model, default)).State);
        await Call(first, () => Task.FromResult(1));
    }

    [Fact]
    public async Task A_pause_is_shown_as_waiting_until_its_end()
    {
        var gate = Gate();
        await Assert.ThrowsAsync<ProviderException>(() => Call(gate, () => throw Busy(TimeSpan.FromSeconds(60))));

        var standing = await gate.Standing(Model, default);

        Assert.Equal(new ProviderStanding(Model, ProviderStanding.Waiting, "busy", _clock.GetUtcNow().AddSeconds(60)), standing);
    }

    [Fact]
    public async Task A_fault_of_one_machine_stops_nobody_else()
    {
        var noToken = new ProviderException(ProviderFault.Configuration, "no token") { IsLocal = true };
        await Assert.ThrowsAsync<ProviderException>(() => Call(Gate(), () => throw noToken));

        Assert.Equal(1, await Call(Gate(), () => Task.FromResult(1)));
        Assert.Equal(ProviderStanding.Open, (await Gate().Standing(Model, default)).State);
    }

    [Fact]
    public async Task A_fault_of_a_call_from_before_the_key_was_proven_anew_says_nothing()
    {
        var (gate, early) = (Gate(), new TaskCompletionSource<int>());
        await Call(gate, () => Task.FromResult(1));
        var slow = Call(gate, () => early.Task);
        await Assert.ThrowsAsync<ProviderException>(() => Call(Gate(), () => throw _wrongKey));
        await gate.Resume(Model);
        await Call(gate, () => Task.FromResult(1));

        early.SetException(_wrongKey);
        await Assert.ThrowsAsync<ProviderException>(() => slow);

        Assert.Equal(ProviderStanding.Open, (await gate.Standing(Model, default)).State);
    }

    [Fact]
    public async Task Whoever_finds_a_pause_does_not_make_it_longer()
    {
        var gate = Gate();
        await Assert.ThrowsAsync<ProviderException>(() => Call(gate, () => throw Busy(TimeSpan.FromSeconds(60))));
        _clock.Advance(TimeSpan.FromSeconds(20));
        using var generator = new RetryingEmbeddingGenerator(
            new ThrottledEmbeddingGenerator(new ScriptedGenerator(_clock), gate, new InFlight(1, _clock), Model), gate, Model, _clock);
        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"]));

        Assert.Equal(_clock.GetUtcNow().AddSeconds(40), (await gate.Standing(Model, default)).Until);
    }

    [Fact]
    public async Task A_stop_that_may_be_tried_again_is_shown_as_untried()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Gate(), () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(new ProviderStanding(Model, ProviderStanding.Untried, "wrong key", null), await Gate().Standing(Model, default));
    }

    [Fact]
    public async Task A_clock_that_was_set_back_stops_nobody_for_long()
    {
        await Call(Gate(new RateLimits(60, 1_000)), () => Task.FromResult(1));
        _clock.Advance(TimeSpan.FromHours(-5));

        Assert.True(TimeOf(Gate(new RateLimits(60, 1_000)), calls: 1) < TimeSpan.FromSeconds(5));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(599)]
    public async Task A_limit_of_less_than_a_hundredth_is_taken_for_nonsense(int told)
    {
        var gate = Gate(new RateLimits(60_000, 1_000_000));
        await Call(gate, () => Task.FromResult(1));
        await gate.Told(Model, new ProviderLimits(told, null, null));

        Assert.True(TimeOf(gate, calls: 5) < TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_state_that_cannot_be_read_is_found_out_anew()
    {
        await _store.Exchange("provider model", null, "{\"pace\": 7}", default);

        Assert.Equal(1, await Call(Gate(), () => Task.FromResult(1)));
    }

    private static ProviderException Busy(TimeSpan wait) => new(ProviderFault.Passing, "busy") { RetryAfter = wait };

    private ProviderGate Gate(RateLimits? limits = null, string key = "key")
    {
        var gate = Gates.Create(_clock, limits, _store, key);
        _gates.Add(gate);
        return gate;
    }

    private Task<int> Call(ProviderGate gate, Func<Task<int>> call) => gate.Call(
        new GateRequest(Model, Tokens: 1),
        () =>
        {
            Interlocked.Increment(ref _calls);
            return call();
        },
        default);

    private TimeSpan TimeOf(ProviderGate gate, int calls)
    {
        var begun = _clock.GetUtcNow();
        OneThread.Run(_clock, () => Task.WhenAll(Enumerable.Range(0, calls).Select(_ => Call(gate, () => Task.FromResult(1)))), () => false);
        return _clock.GetUtcNow() - begun;
    }

    private async Task<T> Drive<T>(Task<T> task)
    {
        await _clock.Drive(task);
        return await task;
    }
}
