using EmbeddingFunctions.Limits;

namespace EmbeddingFunctions.Core.Tests.Limits;

public sealed class PaceTests
{
    private static readonly TimeSpan _minute = TimeSpan.FromSeconds(60);

    private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private Pace _pace = new();

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
        var taken = Enumerable.Range(0, 1_000).Select(_ => random.Next(limits.EvenRequest / 2, limits.EvenRequest + 1)).Select(tokens => (TakeWhenFree(limits, tokens), tokens)).ToList();

        Assert.True(BusiestMinute(taken) <= 1_000_000);
        Assert.True(Use(taken, 1_000_000) >= 0.95);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Persons_go_at_once_and_with_them_the_limit_still_holds(int seed)
    {
        var random = new Random(seed);
        var limits = new RateLimits(500, 1_000_000);
        var (requests, tokens, longest) = (new List<(DateTimeOffset, int)>(), new List<(DateTimeOffset, int)>(), TimeSpan.Zero);
        for (var (i, nextPerson) = (0, _now); i < 3_000; i++)
        {
            var size = random.Next(1_000, 3_000);
            var isForPerson = _now >= nextPerson;
            // Batches take as much as they may ahead: the worst case for whoever comes between.
            if (!isForPerson && _pace.Ahead(_now) > TimeSpan.Zero)
            {
                _now += TimeSpan.FromMilliseconds(50);
                continue;
            }

            (_pace, var at) = _pace.Take(limits, isForPerson ? 100 : size, isForPerson, _now);
            requests.Add((at, 1));
            tokens.Add((at, isForPerson ? 100 : size));
            if (isForPerson)
            {
                longest = at - _now > longest ? at - _now : longest;
                nextPerson = _now + (limits.SpanOfRequest / 0.1) + TimeSpan.FromMilliseconds(random.Next(100));
            }
        }

        Assert.True(longest < TimeSpan.FromMilliseconds(100), $"{longest}");
        Assert.True(BusiestMinute([.. requests.OrderBy(r => r.Item1)]) <= 500, $"{BusiestMinute([.. requests.OrderBy(r => r.Item1)])}");
        Assert.True(BusiestMinute([.. tokens.OrderBy(r => r.Item1)]) <= 1_000_000);
    }

    [Fact]
    public void A_person_waits_like_all_others_where_the_limit_has_no_room_for_a_share()
    {
        var limits = new RateLimits(3, 1_000_000);
        var first = Take(limits, 10);

        (_, var at) = _pace.Take(limits, 10, isForPerson: true, _now);

        Assert.True(at - first >= TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void Nothing_is_saved_up_in_a_pause()
    {
        var limits = new RateLimits(600, 1e9);
        TakeWhenFree(limits, 1);
        _now += TimeSpan.FromMinutes(10);

        var times = Enumerable.Range(0, 11).Select(_ => TakeWhenFree(limits, 1)).ToList();

        Assert.True(times[10] - times[0] > TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Nobody_takes_a_moment_more_than_five_seconds_ahead()
    {
        var limits = new RateLimits(60, 1e9);
        var ahead = 0;
        for (; _pace.Ahead(_now) <= TimeSpan.Zero; ahead++)
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
    public void What_was_taken_too_much_comes_back()
    {
        var limits = new RateLimits(1e9, 100);
        var first = Take(limits, 100);
        Assert.True(_pace.TokensFrom - first > _minute);

        _pace = _pace.Correct(limits, -90);

        Assert.Equal(6.15, (_pace.TokensFrom - first).TotalSeconds, 0.01);
    }

    [Fact]
    public void Where_nothing_was_taken_nothing_comes_back()
    {
        var limits = new RateLimits(1e9, 100);

        _pace = _pace.Correct(limits, -90);

        Assert.Equal(_now, Take(limits, 100));
    }

    [Fact]
    public void What_was_taken_too_little_is_taken_later()
    {
        var limits = new RateLimits(1e9, 100);
        var first = Take(limits, 10);

        _pace = _pace.Correct(limits, 50);

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
            _pace = _pace.Correct(limits, used - estimate);
        }

        Assert.True(BusiestMinute(taken) <= 10_000, $"seed {seed}: {BusiestMinute(taken)}");
    }

    private DateTimeOffset Take(RateLimits limits, int tokens)
    {
        (_pace, var at) = _pace.Take(limits, tokens, isForPerson: false, _now);
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
