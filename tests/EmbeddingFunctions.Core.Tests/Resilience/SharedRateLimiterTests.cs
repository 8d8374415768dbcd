using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>Waits and limits that hold for several processes, each with a limiter of its own.</summary>
public sealed class SharedRateLimiterTests : SharedLimiterTest
{
    [Fact]
    public async Task A_wait_that_one_process_is_asked_for_holds_for_all()
    {
        var (first, second) = (Process(), Process());
        await Call(first);
        await Call(second);
        await Assert.ThrowsAsync<ProviderException>(() => Call(first, () => throw Busy(TimeSpan.FromSeconds(2))));
        var pausedAt = Clock.GetUtcNow();

        await Drive(Call(second));

        Assert.InRange(Clock.GetUtcNow() - pausedAt, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void All_processes_together_keep_the_limit()
    {
        var limits = new RateLimits(60, 1_000_000);
        var processes = Enumerable.Range(0, 4).Select(_ => Process(limits)).ToList();
        var moments = new List<DateTimeOffset>();
        var begun = Clock.GetUtcNow();

        OneThread.Run(Clock, () => Task.WhenAll(processes.SelectMany(process => Enumerable.Range(0, 30).Select(_ => Call(process, () =>
        {
            moments.Add(Clock.GetUtcNow());
            return Task.FromResult(1);
        })))), () => false);

        Assert.Equal(120, moments.Count);
        Assert.All(
            moments.Zip(moments.Skip(60)),
            pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromMinutes(1), $"{pair.Second - pair.First}"));
        Assert.True((Clock.GetUtcNow() - begun).TotalMinutes < 2.1, $"{Clock.GetUtcNow() - begun}");
    }

    [Fact]
    public async Task Limits_that_the_provider_reports_hold_for_all_for_ten_minutes()
    {
        var (first, second) = (Process(), Process());
        await Call(first);
        await first.ApplyReportedLimits(new ProviderLimits(60, null, null));

        Assert.InRange(TimeOf(second, calls: 11), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(11));
        Clock.Advance(TimeSpan.FromMinutes(10));
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
    public async Task A_pause_is_shown_as_waiting_until_its_end()
    {
        var process = Process();
        await Assert.ThrowsAsync<ProviderException>(() => Call(process, () => throw Busy(TimeSpan.FromSeconds(60))));

        var waiting = new ProviderStatus(Model, ProviderStatus.Waiting, "busy", Clock.GetUtcNow().AddSeconds(60));
        Assert.Equal(waiting, await process.Status(default));
    }

    [Fact]
    public async Task A_call_that_meets_a_pause_does_not_extend_it()
    {
        var process = Process();
        var limiter = Assert.Single(Begun);
        await Assert.ThrowsAsync<ProviderException>(() => Call(process, () => throw Busy(TimeSpan.FromSeconds(60))));
        Clock.Advance(TimeSpan.FromSeconds(20));
        var throttled = new ThrottledEmbeddingGenerator(
            new ScriptedGenerator(Clock), limiter, new AdaptiveConcurrencyLimiter(1, Clock), Model);
        using var generator = new RetryingEmbeddingGenerator(throttled, limiter, Model, Clock);
        await Assert.ThrowsAsync<ProviderException>(() => generator.GenerateAsync(["a"]));

        Assert.Equal(Clock.GetUtcNow().AddSeconds(40), (await process.Status(default)).Until);
    }

    [Fact]
    public async Task A_clock_that_was_set_back_delays_no_call_for_long()
    {
        await Call(Process(new RateLimits(60, 1_000)));
        Clock.Advance(TimeSpan.FromHours(-5));

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
    public async Task Waiting_for_the_probe_of_another_process_uses_none_of_the_limit()
    {
        var (process, limited) = (Process(), Process(new RateLimits(60, 1_000_000)));
        var reply = new TaskCompletionSource<int>();
        var probe = Call(process, () => reply.Task);
        var waiting = Call(limited);
        for (var poll = 0; poll < 40; poll++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(101));
        }

        var repliedAt = Clock.GetUtcNow();
        reply.SetResult(1);
        await Clock.Drive(Task.WhenAll(probe, waiting));

        Assert.InRange(Clock.GetUtcNow() - repliedAt, TimeSpan.Zero, TimeSpan.FromSeconds(0.3));
    }
}
