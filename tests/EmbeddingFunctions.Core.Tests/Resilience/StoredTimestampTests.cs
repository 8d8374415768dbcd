using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>A timestamp from a wrong clock stops no caller for longer than its kind can last.</summary>
public sealed class StoredTimestampTests
{
    private const string Key = "key";

    private static readonly DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static DateTimeOffset Tomorrow => _now.AddDays(1);

    [Fact]
    public void A_probe_until_tomorrow_has_ended() =>
        Assert.IsType<ProbeGranted>(Request(With(new CircuitBreaker { ProbingUntil = Tomorrow })));

    [Fact]
    public void A_circuit_open_until_tomorrow_may_be_probed_and_is_shown_as_untried()
    {
        var state = With(new CircuitBreaker { OpenReason = "wrong key", ProbeAt = Tomorrow });

        Assert.IsType<ProbeGranted>(Request(state));
        Assert.Equal(ProviderStatus.Untried, state.Status("model", Key, _now).State);
    }

    [Fact]
    public void A_pause_until_tomorrow_is_over()
    {
        var state = With(new CircuitBreaker { ClosedUntil = _now.AddMinutes(1) }) with { Pause = new Pause(Tomorrow, "rate limit") };

        Assert.IsType<Permit>(Request(state));
        Assert.Equal(ProviderStatus.Available, state.Status("model", Key, _now).State);
    }

    [Fact]
    public void A_circuit_closed_until_tomorrow_is_probed() =>
        Assert.IsType<ProbeGranted>(Request(With(new CircuitBreaker { ClosedUntil = Tomorrow })));

    [Fact]
    public void Limits_reported_until_tomorrow_are_ignored_and_replaced_by_the_next_report()
    {
        var state = With(new CircuitBreaker { ClosedUntil = _now.AddMinutes(1) }) with { Reported = new ReportedLimits(1, 1, Tomorrow) };

        var (next, _) = state.Request(Request(), _now);
        Assert.InRange(Assert.IsType<Permit>(next.Request(Request(), _now).Decision).Wait, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.True(state.ApplyReportedLimits(1, 1, _now).Reported!.ValidUntil < Tomorrow);
    }

    [Fact]
    public void A_timestamp_within_its_limit_holds()
    {
        Assert.IsType<RetryLater>(Request(With(new CircuitBreaker().GrantProbe(_now))));
        Assert.IsType<CircuitOpen>(Request(With(new CircuitBreaker().Open("wrong key", _now))));
    }

    private static PermitRequest Request() => new(Key, new RateLimits(6_000, 1_000_000), 1, IsInteractive: false, Debt: 0);

    private static Decision Request(LimiterState state) => state.Request(Request(), _now).Decision;

    private static LimiterState With(CircuitBreaker circuit) =>
        new() { Circuits = new LimiterState().Circuits.SetItem(Key, circuit) };
}
