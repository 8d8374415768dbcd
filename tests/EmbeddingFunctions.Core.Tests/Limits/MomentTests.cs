using EmbeddingFunctions.Limits;

namespace EmbeddingFunctions.Core.Tests.Limits;

/// <summary>No stored moment stops the provider's callers for longer than its kind ever lasts.</summary>
public sealed class MomentTests
{
    private const string Key = "key";

    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static DateTimeOffset Tomorrow => _now.AddDays(1);

    [Fact]
    public void A_probe_until_tomorrow_is_past() =>
        Assert.IsType<Answer.Try>(With(new KeyState { ProbeUntil = Tomorrow }).Try(Key, TimeSpan.Zero, _now).Answer);

    [Fact]
    public void A_stop_until_tomorrow_is_past_and_told_as_untried()
    {
        var state = With(new KeyState { StopReason = "wrong key", ProbeAt = Tomorrow });

        Assert.IsType<Answer.Try>(state.Try(Key, TimeSpan.Zero, _now).Answer);
        Assert.Equal(ProviderStanding.Untried, state.Stop("model", Key, _now)!.State);
    }

    [Fact]
    public void A_pause_until_tomorrow_is_past()
    {
        var state = With(new KeyState { WellUntil = _now.AddMinutes(1) }) with { Pause = new Closure(Tomorrow, "rate limit") };

        Assert.IsType<Answer.Go>(Ask(state));
        Assert.Equal(ProviderStanding.Open, state.Standing("model", Key, _now).State);
    }

    [Fact]
    public void A_key_that_is_well_until_tomorrow_is_found_out_about() =>
        Assert.IsType<Answer.Unproven>(Ask(With(new KeyState { WellUntil = Tomorrow })));

    [Fact]
    public void Limits_that_were_told_until_tomorrow_hold_no_longer_and_are_heard_again()
    {
        var state = With(new KeyState { WellUntil = _now.AddMinutes(1) }) with { Told = new ToldLimits(1, 1, Tomorrow) };

        var (next, _) = state.Ask(Question(), _now);
        Assert.InRange(Assert.IsType<Answer.Go>(next.Ask(Question(), _now).Answer).Wait, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.True(state.Heard(1, 1, _now).Told!.Until < Tomorrow);
    }

    [Fact]
    public void What_lasts_no_longer_than_it_may_stands()
    {
        Assert.IsType<Answer.Later>(With(new KeyState().Probe(_now)).Try(Key, TimeSpan.Zero, _now).Answer);
        Assert.IsType<Answer.Stopped>(With(new KeyState().Stopped("wrong key", _now)).Try(Key, TimeSpan.Zero, _now).Answer);
    }

    private static Question Question() => new(Key, new RateLimits(6_000, 1_000_000), 1, IsForPerson: false, Owed: 0);

    private static Answer Ask(FlowState state) => state.Ask(Question(), _now).Answer;

    private static FlowState With(KeyState key) => new FlowState() with { Keys = new FlowState().Keys.SetItem(Key, key) };
}
