using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>Several processes, each with a limiter of its own, share the state of one provider.</summary>
public sealed class SharedRateLimiterTests : IDisposable
{
    private const string Model = "model";

    private static readonly ProviderException _wrongKey = new(ProviderFault.Configuration, "wrong key");

    private readonly ManualClock _clock = new();
    private readonly MemoryLimiterStore _store;
    private readonly List<SharedRateLimiter> _limiters = [];
    private int _calls;

    public SharedRateLimiterTests() => _store = new MemoryLimiterStore(_clock);

    public void Dispose() => _limiters.ForEach(limiter => limiter.Dispose());

    [Fact]
    public async Task A_wrong_key_costs_one_call_however_many_processes_use_it()
    {
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 8).Select(_ => Call(Process(), () => reply.Task)).ToList();
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
    public async Task Another_key_is_tried_at_once_and_the_circuit_of_the_refused_one_stays_open()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw _wrongKey));

        Assert.Equal(1, await Call(Process(key: "another")));
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process()));

        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task After_five_minutes_one_process_probes_and_its_success_lets_all_call()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));
        var reply = new TaskCompletionSource<int>();
        var callers = Enumerable.Range(0, 4).Select(_ => Call(Process(), () => reply.Task)).ToList();
        Assert.Equal(2, _calls);

        reply.SetResult(1);
        await Drive(Task.WhenAll(callers));

        Assert.Equal(5, _calls);
    }

    [Fact]
    public async Task A_process_that_dies_while_it_probes_delays_the_next_probe_by_at_most_five_minutes()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));
        _ = Call(Process(), () => new TaskCompletionSource<int>().Task);

        _clock.Advance(TimeSpan.FromMinutes(2));
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process()));
        _clock.Advance(TimeSpan.FromMinutes(3));

        Assert.Equal(1, await Call(Process()));
    }

    [Fact]
    public async Task A_wait_that_one_process_is_asked_for_holds_for_all()
    {
        var (first, second) = (Process(), Process());
        await Call(first);
        await Call(second);
        await Assert.ThrowsAsync<ProviderException>(() => Call(first, () => throw Busy(TimeSpan.FromSeconds(2))));
        var pausedAt = _clock.GetUtcNow();

        await Drive(Call(second));

        Assert.InRange(_clock.GetUtcNow() - pausedAt, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void All_processes_together_keep_the_limit()
    {
        var limits = new RateLimits(60, 1_000_000);
        var processes = Enumerable.Range(0, 4).Select(_ => Process(limits)).ToList();
        var moments = new List<DateTimeOffset>();
        var begun = _clock.GetUtcNow();

        OneThread.Run(_clock, () => Task.WhenAll(processes.SelectMany(process => Enumerable.Range(0, 30).Select(_ => Call(process, () =>
        {
            moments.Add(_clock.GetUtcNow());
            return Task.FromResult(1);
        })))), () => false);

        Assert.Equal(120, moments.Count);
        Assert.All(
            moments.Zip(moments.Skip(60)),
            pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromMinutes(1), $"{pair.Second - pair.First}"));
        Assert.True((_clock.GetUtcNow() - begun).TotalMinutes < 2.1, $"{_clock.GetUtcNow() - begun}");
    }

    [Fact]
    public async Task Limits_that_the_provider_reports_hold_for_all_for_ten_minutes()
    {
        var (first, second) = (Process(), Process());
        await Call(first);
        await first.ApplyReportedLimits(new ProviderLimits(60, null, null));

        Assert.InRange(TimeOf(second, calls: 11), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(11));
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(TimeSpan.Zero, TimeOf(second, calls: 2));
    }

    [Fact]
    public async Task All_wait_for_a_limit_that_is_used_up_and_it_is_no_fault()
    {
        var (first, second) = (Process(), Process());
        await Call(first);
        await first.ApplyReportedLimits(new ProviderLimits(60_000, 60_000, TimeSpan.FromSeconds(3)));

        Assert.InRange(TimeOf(second, calls: 1), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(3.1));
    }

    [Fact]
    public async Task An_interactive_call_does_not_queue_behind_batches()
    {
        var process = Process(new RateLimits(100, 1_000_000));
        await Call(process);
        var batches = Enumerable.Range(0, 50).Select(_ => Call(process)).ToList();

        var person = process.Call(tokens: 10, isInteractive: true, () => Task.FromResult(7), default);

        Assert.True(person.IsCompletedSuccessfully);
        await Drive(Task.WhenAll(batches));
    }

    [Fact]
    public async Task Resuming_lets_the_next_call_through()
    {
        var (first, second) = (Process(), Process());
        await Assert.ThrowsAsync<ProviderException>(() => Call(first, () => throw _wrongKey));
        var stopped = new ProviderStatus(Model, ProviderStatus.Stopped, "wrong key", _clock.GetUtcNow().AddMinutes(5));
        Assert.Equal([stopped, stopped], [await first.Status(default), await second.Status(default)]);

        await second.Resume();
        Assert.Equal(stopped with { State = ProviderStatus.Untried, Until = null }, await first.Status(default));
        await Call(second);

        Assert.Equal(ProviderStatus.Available, (await first.Status(default)).State);
        await Call(first);
    }

    [Fact]
    public async Task A_pause_is_shown_as_waiting_until_its_end()
    {
        var process = Process();
        await Assert.ThrowsAsync<ProviderException>(() => Call(process, () => throw Busy(TimeSpan.FromSeconds(60))));

        var waiting = new ProviderStatus(Model, ProviderStatus.Waiting, "busy", _clock.GetUtcNow().AddSeconds(60));
        Assert.Equal(waiting, await process.Status(default));
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
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw _wrongKey));
        await process.Resume();
        await Call(process);

        early.SetException(_wrongKey);
        await Assert.ThrowsAsync<ProviderException>(() => slow);

        Assert.Equal(ProviderStatus.Available, (await process.Status(default)).State);
    }

    [Fact]
    public async Task A_call_that_meets_a_pause_does_not_extend_it()
    {
        var process = Process();
        var limiter = _limiters.Single();
        await Assert.ThrowsAsync<ProviderException>(() => Call(process, () => throw Busy(TimeSpan.FromSeconds(60))));
        _clock.Advance(TimeSpan.FromSeconds(20));
        var throttled = new ThrottledEmbeddingGenerator(
            new ScriptedGenerator(_clock), limiter, new AdaptiveConcurrencyLimiter(1, _clock), Model);
        using var generator = new RetryingEmbeddingGenerator(throttled, limiter, Model, _clock);
        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"]));

        Assert.Equal(_clock.GetUtcNow().AddSeconds(40), (await process.Status(default)).Until);
    }

    [Fact]
    public async Task A_circuit_that_may_be_probed_is_shown_as_untried()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(new ProviderStatus(Model, ProviderStatus.Untried, "wrong key", null), await Process().Status(default));
    }

    [Fact]
    public async Task A_clock_that_was_set_back_delays_no_call_for_long()
    {
        await Call(Process(new RateLimits(60, 1_000)));
        _clock.Advance(TimeSpan.FromHours(-5));

        Assert.True(TimeOf(Process(new RateLimits(60, 1_000)), calls: 1) < TimeSpan.FromSeconds(5));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(599)]
    public async Task A_reported_limit_below_a_hundredth_of_the_setting_is_not_believed(int reported)
    {
        var process = Process(new RateLimits(60_000, 1_000_000));
        await Call(process);
        await process.ApplyReportedLimits(new ProviderLimits(reported, null, null));

        Assert.True(TimeOf(process, calls: 5) < TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task An_unreadable_state_is_replaced_after_a_probe()
    {
        await _store.Exchange("provider model", null, """{"bucket": 7}""");

        Assert.Equal(1, await Call(Process()));
    }

    [Fact]
    public async Task A_key_refused_in_the_middle_stops_every_process()
    {
        var (first, second) = (Process(), Process());
        await Call(first);
        await Call(second);
        await Assert.ThrowsAsync<ProviderException>(() => Call(first, () => throw _wrongKey));

        var stop = await Assert.ThrowsAsync<ProviderException>(() => Call(second));

        Assert.StartsWith("wrong key", stop.Message, StringComparison.Ordinal);
        Assert.Equal(3, _calls);
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
        _clock.Advance(TimeSpan.FromMilliseconds(2));
        var probing = Call(limited);

        refused.SetException(_wrongKey);
        await Assert.ThrowsAsync<ProviderException>(() => second);
        await Assert.ThrowsAsync<ProviderException>(async () => await Drive(probing));

        Assert.Equal(4, _calls);
        Assert.Equal(ProviderStatus.Stopped, (await process.Status(default)).State);
    }

    [Fact]
    public async Task An_abandoned_probe_lets_another_process_probe_at_once()
    {
        await Assert.ThrowsAsync<ProviderException>(() => Call(Process(), () => throw _wrongKey));
        _clock.Advance(TimeSpan.FromMinutes(5));
        await Assert.ThrowsAsync<TaskCanceledException>(() => Call(Process(), () => throw new TaskCanceledException()));

        await Call(Process());

        Assert.Equal(3, _calls);
    }

    [Fact]
    public async Task Waiting_for_the_probe_of_another_process_uses_none_of_the_limit()
    {
        var (process, limited) = (Process(), Process(new RateLimits(60, 1_000_000)));
        var reply = new TaskCompletionSource<int>();
        var probe = Call(process, () => reply.Task);
        var waiting = Call(limited);
        for (var poll = 0; poll < 40; poll++)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(101));
        }

        var repliedAt = _clock.GetUtcNow();
        reply.SetResult(1);
        await _clock.Drive(Task.WhenAll(probe, waiting));

        Assert.InRange(_clock.GetUtcNow() - repliedAt, TimeSpan.Zero, TimeSpan.FromSeconds(0.3));
    }

    private static ProviderException Busy(TimeSpan wait) => new(ProviderFault.Passing, "busy") { RetryAfter = wait };

    private ModelLimiter Process(RateLimits? limits = null, string key = "key", ILogger<SharedRateLimiter>? log = null)
    {
        var limiter = Limiters.Create(_clock, limits, _store, key, log);
        _limiters.Add(limiter);
        return limiter.Of(Model);
    }

    private Task<int> Call(ModelLimiter process, Func<Task<int>>? call = null) => process.Call(
        tokens: 1,
        isInteractive: false,
        () =>
        {
            Interlocked.Increment(ref _calls);
            return call?.Invoke() ?? Task.FromResult(1);
        },
        default);

    private TimeSpan TimeOf(ModelLimiter process, int calls)
    {
        var begun = _clock.GetUtcNow();
        OneThread.Run(_clock, () => Task.WhenAll(Enumerable.Range(0, calls).Select(_ => Call(process))), () => false);
        return _clock.GetUtcNow() - begun;
    }

    private async Task<T> Drive<T>(Task<T> task)
    {
        await _clock.Drive(task);
        return await task;
    }
}
