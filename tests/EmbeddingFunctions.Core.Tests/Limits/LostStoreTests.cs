using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.Core.Tests.Limits;

/// <summary>Processes that share two stores, of which some cannot reach the first.</summary>
public sealed class LostStoreTests : IDisposable
{
    private const string Model = "model";

    private static readonly ProviderException _wrongKey = new(ProviderFault.Configuration, "wrong key");

    private readonly ManualClock _clock = new();
    private readonly MemoryFlowStore _first;
    private readonly FickleStore _second;
    private readonly FickleStore _lost;
    private readonly ProviderGate _well;
    private readonly ProviderGate _other;
    private int _calls;

    public LostStoreTests()
    {
        (_first, _second) = (new MemoryFlowStore(_clock, part: 1), new FickleStore(new MemoryFlowStore(_clock)));
        _lost = new FickleStore(_first) { IsAway = true };
        _well = Gates.Create(_clock, [_first, _second, new MemoryFlowStore(_clock)]);
        _other = Gates.Create(_clock, [_lost, _second, new MemoryFlowStore(_clock)]);
    }

    public void Dispose()
    {
        _well.Dispose();
        _other.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stop_is_known_to_all_whoever_found_it_out(bool byTheOther)
    {
        var (finder, learner) = byTheOther ? (_other, _well) : (_well, _other);
        await Assert.ThrowsAsync<ProviderException>(() => Call(finder, () => throw _wrongKey));
        Assert.Equal(ProviderStanding.Stopped, (await learner.Standing(Model, default)).State);

        var stop = await Assert.ThrowsAsync<ProviderException>(() => Call(learner));

        Assert.StartsWith("wrong key", stop.Message, StringComparison.Ordinal);
        Assert.Equal(1, _calls);
        Assert.Equal((await finder.Standing(Model, default)).Until, (await learner.Standing(Model, default)).Until);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_finds_out_for_all(bool isTheOther)
    {
        var (finder, learner) = isTheOther ? (_other, _well) : (_well, _other);
        var reply = new TaskCompletionSource<int>();
        var first = Call(finder, () => reply.Task);
        var second = Call(learner);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, _calls);

        reply.SetResult(1);
        await _clock.Drive(Task.WhenAll(first, second));

        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task A_stop_in_the_middle_is_known_to_all()
    {
        await Call(_well);
        await Assert.ThrowsAsync<ProviderException>(() => Call(_well, () => throw _wrongKey));

        await Assert.ThrowsAsync<ProviderException>(() => Call(_other));

        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task A_stop_in_the_middle_is_known_to_all_whatever_some_have_missed_before()
    {
        for (var fault = 0; fault < 3; fault++)
        {
            await Assert.ThrowsAsync<ProviderException>(() => Call(_other, () => throw Busy(TimeSpan.FromSeconds(1))));
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        await Call(_well);
        await Call(_other);
        await Assert.ThrowsAsync<ProviderException>(() => Call(_well, () => throw _wrongKey));

        await Assert.ThrowsAsync<ProviderException>(() => Call(_well));
        await Assert.ThrowsAsync<ProviderException>(() => Call(_other));

        Assert.Equal(6, _calls);
    }

    [Fact]
    public async Task A_stop_that_another_has_found_out_says_nothing_to_those_whose_calls_succeed()
    {
        await Call(_well);
        _clock.Advance(TimeSpan.FromMinutes(4.5));
        await Call(_well);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<ProviderException>(() => Call(_other, () => throw _wrongKey));

        await Call(_well);

        Assert.Equal(ProviderStanding.Open, (await _well.Standing(Model, default)).State);
        Assert.Equal(ProviderStanding.Stopped, (await _other.Standing(Model, default)).State);
    }

    [Fact]
    public async Task Whoever_waits_while_another_finds_out_takes_nothing_of_the_limit()
    {
        using var limited = Gates.Create(_clock, [_first, _second, new MemoryFlowStore(_clock)], new RateLimits(60, 1_000_000));
        var reply = new TaskCompletionSource<int>();
        var found = Call(_other, () => reply.Task);
        var waiting = Call(limited);
        for (var look = 0; look < 40; look++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(101));
        }

        var repliedAt = _clock.GetUtcNow();
        reply.SetResult(1);
        await _clock.Drive(Task.WhenAll(found, waiting));

        Assert.InRange(_clock.GetUtcNow() - repliedAt, TimeSpan.Zero, TimeSpan.FromSeconds(0.3));
    }

    [Fact]
    public async Task A_pause_is_kept_by_all()
    {
        await Call(_well);
        await Assert.ThrowsAsync<ProviderException>(() => Call(_well, () => throw Busy(TimeSpan.FromSeconds(60))));

        var pause = await Assert.ThrowsAsync<ProviderException>(() => Call(_other));

        Assert.Equal((TimeSpan.FromSeconds(60), 2), (pause.RetryAfter, _calls));
    }

    [Fact]
    public async Task A_stop_is_remembered_when_the_second_store_is_lost()
    {
        using var third = Gates.Create(_clock, [_first, _second, new MemoryFlowStore(_clock)]);
        await Assert.ThrowsAsync<ProviderException>(() => Call(_well, () => throw _wrongKey));
        _second.IsAway = true;

        await Assert.ThrowsAsync<ProviderException>(() => Call(third));

        Assert.Equal(1, _calls);
    }

    [Fact]
    public async Task A_stop_that_is_found_while_another_waits_to_try_is_not_forgotten()
    {
        using var limited = Gates.Create(_clock, [_first, _second, new MemoryFlowStore(_clock)], new RateLimits(60, 1_000_000));
        var (busy, stopped) = (new TaskCompletionSource<int>(), new TaskCompletionSource<int>());
        await Call(_well);
        var (first, second) = (Call(_well, () => busy.Task), Call(_well, () => stopped.Task));
        await Call(limited);
        busy.SetException(Busy(TimeSpan.FromMilliseconds(1)));
        await Assert.ThrowsAsync<ProviderException>(() => first);
        _clock.Advance(TimeSpan.FromMilliseconds(2));
        var trying = Call(limited);

        stopped.SetException(_wrongKey);
        await Assert.ThrowsAsync<ProviderException>(() => second);
        await Assert.ThrowsAsync<ProviderException>(async () => await _clock.Drive(trying));

        Assert.Equal(4, _calls);
        Assert.Equal(ProviderStanding.Stopped, (await _other.Standing(Model, default)).State);
    }

    [Fact]
    public async Task A_stop_counts_though_the_call_was_allowed_by_a_store_that_knows_of_more_faults()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(_other, () => throw Busy(TimeSpan.FromSeconds(1))));
        _clock.Advance(TimeSpan.FromSeconds(1));
        await Call(_other);
        await Call(_well);
        var reply = new TaskCompletionSource<int>();
        var sent = Call(_other, () => reply.Task);
        _lost.IsAway = false;

        reply.SetException(_wrongKey);
        await Assert.ThrowsAsync<ProviderException>(() => sent);

        await Assert.ThrowsAsync<ProviderException>(() => Call(_well));
        Assert.Equal(4, _calls);
    }

    [Fact]
    public async Task Once_a_try_after_a_stop_has_succeeded_all_go_on()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(_well, () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));

        await Call(_well);
        await Call(_other);
        _lost.IsAway = false;
        await Call(_other);

        Assert.Equal(4, _calls);
        Assert.Equal(ProviderStanding.Open, (await _other.Standing(Model, default)).State);
    }

    [Fact]
    public async Task A_try_that_was_given_up_is_anothers_at_once()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(_well, () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));
        await Assert.ThrowsAsync<TaskCanceledException>(() => Call(_well, () => throw new TaskCanceledException()));

        await Call(_other);

        Assert.Equal(3, _calls);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whoever_resumes_does_so_for_all(bool isTheOther)
    {
        var (resumer, caller) = isTheOther ? (_other, _well) : (_well, _other);
        await Assert.ThrowsAsync<ProviderException>(() => Call(_well, () => throw _wrongKey));

        await resumer.Resume(Model);
        Assert.Equal(ProviderStanding.Untried, (await caller.Standing(Model, default)).State);
        await Call(caller);

        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task When_the_shared_store_is_away_a_quarter_of_the_limit_is_used_and_all_of_it_when_it_is_back()
    {
        var shared = new FickleStore(_first);
        using var gate = Gates.Create(_clock, [shared, new MemoryFlowStore(_clock)], new RateLimits(60, 1_000_000));
        await Call(gate);

        shared.IsAway = true;
        Assert.InRange(TimeOf(gate, calls: 5), TimeSpan.FromSeconds(16), TimeSpan.FromSeconds(18));
        shared.IsAway = false;
        _clock.Advance(TimeSpan.FromSeconds(10));

        Assert.InRange(TimeOf(gate, calls: 6), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(6));
    }

    private static ProviderException Busy(TimeSpan wait) => new(ProviderFault.Passing, "busy") { RetryAfter = wait };

    private Task<int> Call(ProviderGate gate, Func<Task<int>>? call = null) => gate.Call(
        new GateRequest(Model, Tokens: 1),
        () =>
        {
            _calls++;
            return call?.Invoke() ?? Task.FromResult(1);
        },
        default);

    private TimeSpan TimeOf(ProviderGate gate, int calls)
    {
        var begun = _clock.GetUtcNow();
        OneThread.Run(_clock, () => Task.WhenAll(Enumerable.Range(0, calls).Select(_ => Call(gate))), () => false);
        return _clock.GetUtcNow() - begun;
    }

    private sealed class FickleStore(IFlowStore inner) : IFlowStore
    {
        public bool IsAway { get; set; }

        public double Part => inner.Part;

        public Task<KeptFlow?> Read(string provider, CancellationToken cancellation) =>
            IsAway ? Task.FromResult<KeptFlow?>(null) : inner.Read(provider, cancellation);

        public Task<KeptFlow?> Exchange(string provider, string? expected, string next, CancellationToken cancellation) =>
            IsAway ? Task.FromResult<KeptFlow?>(null) : inner.Exchange(provider, expected, next, cancellation);
    }
}
