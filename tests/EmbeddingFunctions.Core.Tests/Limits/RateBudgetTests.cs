using EmbeddingFunctions.Limits;

namespace EmbeddingFunctions.Core.Tests.Limits;

public sealed class RateBudgetTests
{
    private static readonly TimeSpan _minute = TimeSpan.FromSeconds(60);

    private readonly ManualClock _clock = new();

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(60)]
    [InlineData(500)]
    [InlineData(10_000)]
    public void Single_units_never_exceed_the_limit_in_any_minute_and_use_nearly_all_of_it(int perMinute)
    {
        var budget = new RateBudget(perMinute, _clock);
        var taken = Enumerable.Range(0, (perMinute * 3) + 1).Select(_ => TakeWhenFree(budget, 1)).ToList();

        Assert.True(BusiestMinute(taken) <= perMinute);
        Assert.True(Use(taken, perMinute) >= 0.95);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Units_of_any_size_never_exceed_the_limit_in_any_minute(int seed)
    {
        var random = new Random(seed);
        var perMinute = random.Next(1_000, 1_000_000);
        var largest = random.Next(1, perMinute + 1);
        var budget = new RateBudget(perMinute, _clock);
        var taken = new List<(TimeSpan At, int Units)>();
        for (var i = 0; i < 300; i++)
        {
            if (random.Next(10) == 0)
            {
                _clock.Advance(TimeSpan.FromSeconds(random.NextDouble() * 90));
            }

            taken.Add(TakeWhenFree(budget, random.Next(1, largest + 1)));
        }

        Assert.True(BusiestMinute(taken) <= perMinute, $"seed {seed}: {BusiestMinute(taken)} of {perMinute}");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Requests_that_are_small_against_the_limit_use_nearly_all_of_it(int seed)
    {
        var random = new Random(seed);
        var budget = new RateBudget(1_000_000, _clock);
        var taken = Enumerable.Range(0, 1_000).Select(_ => TakeWhenFree(budget, random.Next(1, 20_000))).ToList();

        Assert.True(BusiestMinute(taken) <= 1_000_000);
        Assert.True(Use(taken, 1_000_000) >= 0.95);
    }

    [Fact]
    public void Nothing_is_saved_up_in_a_pause()
    {
        var budget = new RateBudget(600, _clock);
        TakeWhenFree(budget, 1);
        _clock.Advance(TimeSpan.FromMinutes(10));

        var times = Enumerable.Range(0, 11).Select(_ => TakeWhenFree(budget, 1).At).ToList();

        Assert.True(times[10] - times[0] > TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Callers_that_wait_together_get_times_of_their_own()
    {
        var budget = new RateBudget(60, _clock);
        var times = Enumerable.Range(0, 8).Select(_ => budget.Take(1, budget.Earliest(1)).At).ToList();

        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void A_request_larger_than_a_minute_goes_alone()
    {
        var budget = new RateBudget(100, _clock);
        var first = budget.Take(10, budget.Earliest(10));
        var large = budget.Take(250, budget.Earliest(250));
        var next = budget.Take(10, budget.Earliest(10));

        Assert.True(large.At - first.At > _minute);
        Assert.True(next.At - large.At > _minute);
    }

    [Fact]
    public void What_was_taken_too_much_comes_back()
    {
        var budget = new RateBudget(100, _clock);
        var slot = budget.Take(100, budget.Earliest(100));
        Assert.True(budget.Earliest(50) - slot.At > _minute);

        budget.Correct(slot, 10);

        Assert.True(budget.Earliest(50) - slot.At < TimeSpan.FromSeconds(10));
        Assert.True(budget.Earliest(95) - slot.At > _minute);
    }

    [Fact]
    public void What_was_taken_too_little_is_taken_later()
    {
        var budget = new RateBudget(100, _clock);
        var slot = budget.Take(10, budget.Earliest(10));

        budget.Correct(slot, 60);

        Assert.True(budget.Earliest(1) - slot.At > TimeSpan.FromSeconds(30));
        Assert.True(budget.Earliest(50) - slot.At > _minute);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Corrected_units_never_exceed_the_limit_either(int seed)
    {
        var random = new Random(seed);
        var budget = new RateBudget(10_000, _clock);
        var taken = new List<RateSlot>();
        for (var i = 0; i < 300; i++)
        {
            var slot = budget.Take(random.Next(1, 2_000), budget.Earliest(2_000));
            taken.Add(slot);
            Wait(budget, slot.At);
            budget.Correct(slot, random.Next(1, slot.Units + 1));
        }

        Assert.True(BusiestMinute(taken.ConvertAll(slot => (slot.At, slot.Units))) <= 10_000, $"seed {seed}");
    }

    public static TheoryData<int> Seeds => new(Enumerable.Range(1, 20));

    private (TimeSpan At, int Units) TakeWhenFree(RateBudget budget, int units)
    {
        var slot = budget.Take(units, budget.Earliest(units));
        Wait(budget, slot.At);
        return (slot.At, units);
    }

    private void Wait(RateBudget budget, TimeSpan until)
    {
        if (until > budget.Now)
        {
            _clock.Advance(until - budget.Now);
        }
    }

    private static long BusiestMinute(List<(TimeSpan At, int Units)> taken)
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

    private static double Use(List<(TimeSpan At, int Units)> taken, int perMinute) =>
        taken.SkipLast(1).Sum(t => (long)t.Units) / (taken[^1].At - taken[0].At).TotalMinutes / perMinute;
}
