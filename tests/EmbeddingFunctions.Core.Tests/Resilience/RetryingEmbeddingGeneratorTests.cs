using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Resilience;

public sealed class RetryingEmbeddingGeneratorTests : IDisposable
{
    private static readonly ProviderException _busy = new(ProviderFault.Transient, "busy");
    private static readonly ProviderException _gone = new(ProviderFault.Transient, "connection refused.") { IsUnreachable = true };
    private static readonly ProviderException _silent = new(ProviderFault.Transient, "no answer") { IsTimeout = true };
    private static readonly ProviderException _garbled = new(ProviderFault.Reply, "garbled");

    private readonly ManualClock _clock = new();
    private readonly SharedRateLimiter _limiter;

    public RetryingEmbeddingGeneratorTests() => _limiter = Limiters.Create(_clock);

    public void Dispose() => _limiter.Dispose();

    [Fact]
    public async Task Without_a_hint_the_waits_double_and_are_never_much_shorter()
    {
        for (var round = 0; round < 50; round++)
        {
            var provider = new ScriptedGenerator(_clock, _busy, _busy, _busy, _busy);
            await Generate(provider);

            double[] standard = [0.5, 1, 2, 4];
            Assert.All(
                provider.Gaps.Zip(standard), pair => Assert.InRange(pair.First.TotalSeconds, pair.Second * 0.75, pair.Second * 1.25));
        }
    }

    [Fact]
    public async Task Two_workers_wait_for_different_times()
    {
        var gaps = new HashSet<TimeSpan>();
        for (var worker = 0; worker < 20; worker++)
        {
            var provider = new ScriptedGenerator(_clock, _busy, Asking(2));
            await Generate(provider);
            gaps.UnionWith(provider.Gaps);
        }

        Assert.True(gaps.Count > 20);
    }

    [Theory]
    [InlineData(0.7)]
    [InlineData(2)]
    [InlineData(10)]
    public async Task A_hint_is_waited_for_and_a_little_more(double seconds)
    {
        var provider = new ScriptedGenerator(_clock, Asking(seconds));
        await Generate(provider);

        Assert.InRange(provider.Gaps.Single().TotalSeconds, seconds + 0.02, seconds + 0.25);
    }

    [Fact]
    public async Task A_hint_beyond_ten_seconds_is_left_to_the_run()
    {
        var provider = new ScriptedGenerator(_clock, Asking(11));

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(provider));

        Assert.Equal((ProviderFault.Transient, TimeSpan.FromSeconds(11)), (fault.Fault, fault.RetryAfter));
        Assert.Single(provider.Calls);
        await AssertPaused(11);
    }

    [Fact]
    public async Task A_provider_that_fails_five_times_is_left_alone_for_half_a_minute()
    {
        var provider = new ScriptedGenerator(_clock, Enumerable.Repeat(_busy, 9).ToArray());

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(provider));

        Assert.Equal(5, provider.Calls.Count);
        Assert.Equal((ProviderFault.Transient, TimeSpan.FromSeconds(30)), (fault.Fault, fault.RetryAfter));
        await AssertPaused(30);
    }

    [Fact]
    public async Task A_request_that_may_have_been_charged_is_retried_once_only()
    {
        foreach (var fault in new[] { _silent, _garbled })
        {
            var provider = new ScriptedGenerator(_clock, Enumerable.Repeat(fault, 9).ToArray());
            await Assert.ThrowsAsync<ProviderException>(() => Generate(provider));
            Assert.Equal(2, provider.Calls.Count);
            _clock.Advance(ModelLimiter.DefaultPause);
        }
    }

    [Theory]
    [InlineData(ProviderFault.Item)]
    [InlineData(ProviderFault.TooManyTokens)]
    [InlineData(ProviderFault.Configuration)]
    public async Task A_request_that_can_never_succeed_is_sent_once(ProviderFault fault)
    {
        var provider = new ScriptedGenerator(_clock, new ProviderException(fault, "no"));

        await Assert.ThrowsAsync<ProviderException>(() => Generate(provider));

        Assert.Single(provider.Calls);
    }

    [Fact]
    public async Task While_one_caller_waits_no_other_calls()
    {
        var provider = new ScriptedGenerator(_clock, Asking(2));
        using var generator = Stack(provider);
        var first = generator.GenerateAsync(["a"]);
        var others = Enumerable.Range(0, 5).Select(i => generator.GenerateAsync([$"b {i}"])).ToList();

        await _clock.Drive(Task.WhenAll([first, .. others]));

        Assert.Equal(7, provider.Calls.Count);
        Assert.All(provider.Calls.Skip(1), call => Assert.True(call - provider.Calls[0] >= TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_and_lets_others_through()
    {
        var provider = new ScriptedGenerator(_clock, Asking(5));
        using var generator = Stack(provider);
        using var leaving = new CancellationTokenSource();
        var left = generator.GenerateAsync(["a"], cancellationToken: leaving.Token);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        await _clock.Drive(generator.GenerateAsync(["b"]));
        Assert.Equal(2, provider.Calls.Count);
    }

    [Fact]
    public async Task An_address_at_which_nothing_ever_answered_is_taken_for_a_mistake_within_seconds()
    {
        var (provider, begun) = (new ScriptedGenerator(_clock, Enumerable.Repeat(_gone, 9).ToArray()), _clock.GetUtcNow());

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(provider));

        Assert.Equal((ProviderFault.Configuration, 3), (fault.Fault, provider.Calls.Count));
        Assert.Equal("connection refused. Nothing has answered there yet.", fault.Message);
        Assert.InRange(_clock.GetUtcNow() - begun, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Equal(ProviderStatus.Stopped, (await _limiter.Of("m").Status(default)).State);
    }

    [Fact]
    public async Task A_provider_that_answered_before_is_waited_for()
    {
        await Generate(new ScriptedGenerator(_clock));
        var provider = new ScriptedGenerator(_clock, Enumerable.Repeat(_gone, 9).ToArray());

        var fault = await Assert.ThrowsAsync<ProviderException>(() => Generate(provider));

        Assert.Equal((ProviderFault.Transient, 5), (fault.Fault, provider.Calls.Count));
        Assert.Equal(ProviderStatus.Waiting, (await _limiter.Of("m").Status(default)).State);
        _clock.Advance(ModelLimiter.DefaultPause);
        Assert.Equal(new ProviderStatus("m", ProviderStatus.Failing, "connection refused.", null), await _limiter.Of("m").Status(default));
    }

    [Fact]
    public async Task An_outage_is_logged_when_it_begins_and_when_it_ends()
    {
        var log = new LogLines<ProviderOutages>();
        var outages = new ProviderOutages(log, _clock);
        await Generate(new ScriptedGenerator(_clock, _busy, _busy), outages);
        Assert.StartsWith("A call of m is tried again after ", log.All[0].Line, StringComparison.Ordinal);
        Assert.All(log.Levels, level => Assert.Equal(LogLevel.Debug, level));
        for (var i = 0; i < 3; i++)
        {
            var provider = new ScriptedGenerator(_clock, Enumerable.Repeat(_busy, 5).ToArray());
            await Assert.ThrowsAsync<ProviderException>(() => Generate(provider, outages));
            _clock.Advance(ModelLimiter.DefaultPause);
        }

        await Generate(new ScriptedGenerator(_clock), outages);
        await Generate(new ScriptedGenerator(_clock), outages);

        var lines = log.All.Where(line => line.Level > LogLevel.Debug).ToList();
        Assert.Equal([LogLevel.Warning, LogLevel.Information], lines.Select(line => line.Level));
        Assert.Contains("busy", lines[0].Line, StringComparison.Ordinal);
        Assert.StartsWith("The provider of m answers again after ", lines[1].Line, StringComparison.Ordinal);
        Assert.Equal(ProviderStatus.Available, (await _limiter.Of("m").Status(default)).State);
    }

    [Fact]
    public async Task A_refused_key_is_logged_as_an_error()
    {
        var log = new LogLines<ProviderOutages>();
        var provider = new ScriptedGenerator(_clock, new ProviderException(ProviderFault.Configuration, "wrong key"));

        await Assert.ThrowsAsync<ProviderException>(() => Generate(provider, new ProviderOutages(log, _clock)));

        Assert.Equal([LogLevel.Error], log.Levels);
    }

    private static ProviderException Asking(double seconds) =>
        new(ProviderFault.Transient, "busy") { RetryAfter = TimeSpan.FromSeconds(seconds) };

    private RetryingEmbeddingGenerator Stack(ScriptedGenerator provider, ProviderOutages? outages = null) =>
        new(
            new ThrottledEmbeddingGenerator(provider, _limiter, new AdaptiveConcurrencyLimiter(8, _clock), "m"), _limiter, "m", _clock,
            outages);

    private async Task Generate(ScriptedGenerator provider, ProviderOutages? outages = null)
    {
        using var generator = Stack(provider, outages);
        await _clock.Drive(generator.GenerateAsync(["a"]));
    }

    private async Task AssertPaused(double seconds)
    {
        _clock.Advance(TimeSpan.FromSeconds(seconds - 10.5));
        await Assert.ThrowsAsync<ProviderException>(() => Generate(new ScriptedGenerator(_clock)));
        _clock.Advance(TimeSpan.FromSeconds(10.5));
        await Generate(new ScriptedGenerator(_clock));
    }
}
