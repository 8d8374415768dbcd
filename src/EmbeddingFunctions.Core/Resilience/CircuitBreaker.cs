using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Resilience;

internal enum CircuitState
{
    /// <summary>Calls go through.</summary>
    Closed,

    /// <summary>One caller at a time probes, the others wait for its result.</summary>
    HalfOpen,

    /// <summary>No calls: key, quota, model or address are at fault.</summary>
    Open,
}

/// <summary>
/// The circuit of one API key. It is half-open until a call has succeeded and after every fault: a wrong key costs one request however
/// many processes wait, and a pause ends with one probe, not a storm.
/// </summary>
internal sealed record CircuitBreaker
{
    // How long a success is trusted without another call.
    private static readonly TimeSpan _closedFor = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _openFor = TimeSpan.FromMinutes(5);

    // The caller that probes may have died: after this time another one may.
    private static readonly TimeSpan _probeLease = TimeSpan.FromSeconds(5);

    // A probe waits for its turn in the token bucket first.
    private static readonly TimeSpan _longestProbe = TokenBucket.LongestWait + _probeLease;
    private static readonly TimeSpan _longestOpen = TokenBucket.LongestWait + _openFor;

    public int Faults { get; init; }

    public DateTimeOffset ClosedUntil { get; init; }

    public DateTimeOffset ProbingUntil { get; init; }

    /// <summary>Why the circuit was opened; null: it was not, or a probe has closed it since.</summary>
    public string? OpenReason { get; init; }

    /// <summary>When an open circuit may be probed.</summary>
    public DateTimeOffset ProbeAt { get; init; }

    public CircuitState State(DateTimeOffset now) =>
        IsClosed(now) ? CircuitState.Closed
        : IsProbing(now) || OpenReason is null || MayBeProbed(now) ? CircuitState.HalfOpen
        : CircuitState.Open;

    public bool IsClosed(DateTimeOffset now) => ClosedUntil.IsAhead(now, _closedFor);

    public bool IsProbing(DateTimeOffset now) => ProbingUntil.IsAhead(now, _longestProbe);

    public bool MayBeProbed(DateTimeOffset now) => !ProbeAt.IsAhead(now, _longestOpen);

    [JsonIgnore]
    public bool HasFailedLast => Faults > 0 && ClosedUntil == default;

    /// <summary>Saves a write for most successful calls.</summary>
    public bool IsFreshlyClosed(DateTimeOffset now) => IsClosed(now) && ClosedUntil > now + (_closedFor * 0.8);

    public bool IsUnusedSince(DateTimeOffset since) => ClosedUntil < since && ProbeAt < since;

    // ProbeAt keeps an open circuit open if the caller that probes dies.
    public CircuitBreaker GrantProbe(DateTimeOffset at) => this with { ProbingUntil = at + _probeLease, ProbeAt = at + _openFor };

    public CircuitBreaker AbandonProbe() => this with { ProbingUntil = default, ProbeAt = default };

    public CircuitBreaker Close(DateTimeOffset now) =>
        this with { ClosedUntil = now + _closedFor, ProbingUntil = default, OpenReason = null };

    public CircuitBreaker HalfOpen() => this with { Faults = Faults + 1, ClosedUntil = default, ProbingUntil = default };

    public CircuitBreaker Open(string reason, DateTimeOffset now) => HalfOpen() with { OpenReason = reason, ProbeAt = now + _openFor };

}
