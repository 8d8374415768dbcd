using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Limits;

/// <summary>
/// What is known of a provider by one key. Until a call has succeeded, and after every fault, one caller at a time may try:
/// a wrong key costs one request however many processes wait, and a pause ends with one probe, not a storm.
/// </summary>
internal sealed record KeyState
{
    // Believed for so long without another call.
    private static readonly TimeSpan _well = TimeSpan.FromMinutes(5);

    // Whoever tries may have vanished: after so long another may.
    private static readonly TimeSpan _probe = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan _stop = TimeSpan.FromMinutes(5);

    // A call that finds out waits for its place first.
    private static readonly TimeSpan _longestProbe = Pace.Farthest + _probe;
    private static readonly TimeSpan _longestStop = Pace.Farthest + _stop;

    // While another finds out.
    private static readonly TimeSpan _lookAgain = TimeSpan.FromMilliseconds(100);

    public int Faults { get; init; }

    public DateTimeOffset WellUntil { get; init; }

    public DateTimeOffset ProbeUntil { get; init; }

    /// <summary>Key, quota, model or address are at fault; null: not as far as is known.</summary>
    public string? StopReason { get; init; }

    /// <summary>When a stopped provider may be tried once.</summary>
    public DateTimeOffset ProbeAt { get; init; }

    public bool IsWell(DateTimeOffset now) => WellUntil.IsAhead(now, _well);

    /// <summary>The last that is known of it is a fault.</summary>
    [JsonIgnore]
    public bool IsInDoubt => Faults > 0 && WellUntil == default;

    /// <summary>Saves most calls from saying that they succeeded.</summary>
    public bool IsWellForLong(DateTimeOffset now) => IsWell(now) && WellUntil > now + (_well * 0.8);

    public bool IsForgotten(DateTimeOffset since) => WellUntil < since && ProbeAt < since;

    /// <returns>Why nobody may try now, or null: one may.</returns>
    public Answer? Refuse(DateTimeOffset now) =>
        ProbeUntil.IsAhead(now, _longestProbe) ? new Answer.Later(_lookAgain)
        : StopReason is { } reason && IsStopped(now) ? new Answer.Stopped(reason, ProbeAt)
        : null;

    /// <summary>Whether a stopped provider is not to be tried yet.</summary>
    public bool IsStopped(DateTimeOffset now) => ProbeAt.IsAhead(now, _longestStop);

    // If the one who tries vanishes, a stopped provider is still not tried again at once.
    public KeyState Probe(DateTimeOffset at) => this with { ProbeUntil = at + _probe, ProbeAt = at + _stop };

    /// <summary>Another may find out.</summary>
    public KeyState GaveUp() => this with { ProbeUntil = default, ProbeAt = default };

    public KeyState Proven(DateTimeOffset now) => this with { WellUntil = now + _well, ProbeUntil = default, StopReason = null };

    public KeyState Doubted() => this with { Faults = Faults + 1, WellUntil = default, ProbeUntil = default };

    public KeyState Stopped(string reason, DateTimeOffset now) => Doubted() with { StopReason = reason, ProbeAt = now + _stop };
}
