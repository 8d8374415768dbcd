using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

public sealed class TokenBucketTests
{
    private static readonly TimeSpan _minute = TimeSpan.FromSeconds(60);

    private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private TokenBucket _bucket = new();

    public static TheoryData<int> Seeds => new(Enumerable.Range(1, 20));

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(60)]
    [InlineData(500)]
    [InlineData(10_000)]
    public void Requests_never_exceed_the_limit_in_any_minute_and_use_nearly_all_of_it(int perMinute)
    {
        var limits = new RateLimits(perMinute, 1e9);
        var taken = Enumerable.Range(0, (perMinute * 3) + 1).Select(_ => (TakeWhenFree(limits, 1), 1)).ToList();

        Assert.True(BusiestMinute(taken) <= perMinute);
        Assert.True(Use(taken, perMinute) >= 0.95);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Tokens_of_requests_of_any_size_never_exceed_the_limit_in_any_minute(int seed)
    {
        var random = new Random(seed);
        var perMinute = random.Next(1_000, 1_000_000);
        var largest = random.Next(1, perMinute + 1);
        var limits = new RateLimits(1e9, perMinute);
        var taken = new List<(DateTimeOffset, int)>();
        for (var i = 0; i < 300; i++)
        {
            if (random.Next(10) == 0)
            {
                _now += TimeSpan.FromSeconds(random.NextDouble() * 90);
            }

            var tokens = random.Next(1, largest + 1);
            taken.Add((TakeWhenFree(limits, tokens), tokens));
        }

        Assert.True(BusiestMinute(taken) <= perMinute, $"seed {seed}: {BusiestMinute(taken)} of {perMinute}");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Requests_of_the_size_that_is_packed_use_nearly_all_tokens(int seed)
    {
        var random = new Random(seed);
        var limits = new RateLimits(500, 1_000_000);
        var taken = Enumerable.Range(0, 1_000).Select(_ => random.Next(limits.EvenRequest / 2, limits.EvenRequest + 1))
            .Select(tokens => (TakeWhenFree(limits, tokens), tokens)).ToList();

        Assert.True(BusiestMinute(taken) <= 1_000_000);
        Assert.True(Use(taken, 1_000_000) >= 0.95);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Interactive_calls_go_at_once_and_the_limit_still_holds(int seed)
    {
        var random = new Random(seed);
        var limits = new RateLimits(500, 1_000_000);
        var (requests, tokens, longest) = (new List<(DateTimeOffset, int)>(), new List<(DateTimeOffset, int)>(), TimeSpan.Zero);
        for (var (i, nextInteractive) = (0, _now); i < 3_000; i++)
        {
            var size = random.Next(1_000, 3_000);
            var isInteractive = _now >= nextInteractive;
            // Batches reserve as far ahead as they may: the worst case for calls in between.
            if (!isInteractive && _bucket.BeyondHorizon(_now) > TimeSpan.Zero)
            {
                _now += TimeSpan.FromMilliseconds(50);
                continue;
            }

            (_bucket, var at) = _bucket.Reserve(limits, isInteractive ? 100 : size, isInteractive, _now);
            requests.Add((at, 1));
            tokens.Add((at, isInteractive ? 100 : size));
            if (isInteractive)
            {
                longest = at - _now > longest ? at - _now : longest;
                nextInteractive = _now + (limits.TimePerRequest / 0.1) + TimeSpan.FromMilliseconds(random.Next(100));
            }
        }

        Assert.True(longest < TimeSpan.FromMilliseconds(100), $"{longest}");
        Assert.True(BusiestMinute([.. requests.OrderBy(r => r.Item1)]) <= 500, $"{BusiestMinute([.. requests.OrderBy(r => r.Item1)])}");
        Assert.True(BusiestMinute([.. tokens.OrderBy(r => r.Item1)]) <= 1_000_000);
    }

    [Fact]
    public void An_interactive_call_waits_like_all_others_under_a_limit_without_room_for_its_share()
    {
        var limits = new RateLimits(3, 1_000_000);
        var first = Take(limits, 10);

        (_, var at) = _bucket.Reserve(limits, 10, isInteractive: true, _now);

        Assert.True(at - first >= TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void Idle_time_saves_nothing_up()
    {
        var limits = new RateLimits(600, 1e9);
        TakeWhenFree(limits, 1);
        _now += TimeSpan.FromMinutes(10);

        var times = Enumerable.Range(0, 11).Select(_ => TakeWhenFree(limits, 1)).ToList();

        Assert.True(times[10] - times[0] > TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Nothing_is_reserved_more_than_five_seconds_ahead()
    {
        var limits = new RateLimits(60, 1e9);
        var ahead = 0;
        for (; _bucket.BeyondHorizon(_now) <= TimeSpan.Zero; ahead++)
        {
            Take(limits, 1);
        }

        Assert.Equal(5, ahead);
    }

    [Fact]
    public void A_request_larger_than_a_minute_goes_alone()
    {
        var limits = new RateLimits(1e9, 100);
        var first = Take(limits, 10);
        var large = Take(limits, 250);
        var next = Take(limits, 10);

        Assert.True(large - first > _minute);
        Assert.True(next - large > _minute);
    }

    [Fact]
    public void Tokens_of_a_too_high_estimate_are_given_back()
    {
        var limits = new RateLimits(1e9, 100);
        var first = Take(limits, 100);
        Assert.True(_bucket.NextTokens - first > _minute);

        _bucket = _bucket.AddDebt(limits, -90);

        Assert.Equal(6.15, (_bucket.NextTokens - first).TotalSeconds, 0.01);
    }

    [Fact]
    public void Nothing_is_given_back_where_nothing_was_reserved()
    {
        var limits = new RateLimits(1e9, 100);

        _bucket = _bucket.AddDebt(limits, -90);

        Assert.Equal(_now, Take(limits, 100));
    }

    [Fact]
    public void Tokens_of_a_too_low_estimate_are_charged_later()
    {
        var limits = new RateLimits(1e9, 100);
        var first = Take(limits, 10);

        _bucket = _bucket.AddDebt(limits, 50);

        Assert.True(Take(limits, 1) - first > TimeSpan.FromSeconds(30));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Corrected_estimates_never_exceed_the_limit_either(int seed)
    {
        var random = new Random(seed);
        var limits = new RateLimits(1e9, 10_000);
        var taken = new List<(DateTimeOffset, int)>();
        for (var i = 0; i < 300; i++)
        {
            var estimate = random.Next(1, 2_000);
            var used = random.Next(1, estimate + 1);
            taken.Add((TakeWhenFree(limits, estimate), used));
            _bucket = _bucket.AddDebt(limits, used - estimate);
        }

        Assert.True(BusiestMinute(taken) <= 10_000, $"seed {seed}: {BusiestMinute(taken)}");
    }

    private DateTimeOffset Take(RateLimits limits, int tokens)
    {
        (_bucket, var at) = _bucket.Reserve(limits, tokens, isInteractive: false, _now);
        return at;
    }

    private DateTimeOffset TakeWhenFree(RateLimits limits, int tokens)
    {
        var at = Take(limits, tokens);
        _now = at > _now ? at : _now;
        return at;
    }

    private static long BusiestMinute(List<(DateTimeOffset At, int Units)> taken)
    {
        var (busiest, sum, first) = (0L, 0L, 0);
        foreach (var (at, units) in taken)
        {
            sum += units;
            while (at - taken[first].At >= _minute)
            {
                sum -= taken[first++].Units;
            }

            busiest = Math.Max(busiest, sum);
        }

        return busiest;
    }

    private static double Use(List<(DateTimeOffset At, int Units)> taken, int perMinute) =>
        taken.SkipLast(1).Sum(t => (long)t.Units) / (taken[^1].At - taken[0].At).TotalMinutes / perMinute;
}
