namespace EmbeddingFunctions.Faults.Crashes;

/// <summary>Where a worker is to die.</summary>
public enum CrashPoint
{
    AfterClaim,
    BeforeCall,
    AfterResponseBeforeCache,
    AfterCacheBeforeWrite,

    /// <summary>The write, one statement that is a transaction of its own, is made ready and not sent.</summary>
    BeforeCommit,

    /// <summary>It is sent, and whether it commits is not known.</summary>
    DuringWrite,
    AfterCommit,
    DuringHeartbeat,
    DuringFinalise,
}

/// <summary>A crash point, and at which passing counted from 1 the worker dies there.</summary>
/// <remarks>It is used inside the worker too, so it knows nothing of the product.</remarks>
public sealed record FaultPoint(CrashPoint Point, int Occurrence)
{
    /// <summary>The environment variable that tells <see cref="StartupHook"/> of it.</summary>
    public const string Variable = "FAULT_POINT";

    /// <summary>What the product announces when it passes the point.</summary>
    public string Checkpoint => $"{(Point == CrashPoint.DuringWrite ? CrashPoint.BeforeCommit : Point)}";

    /// <summary>How long after the announcement: a write that a test slows down is then under way.</summary>
    public TimeSpan Delay => Point == CrashPoint.DuringWrite ? TimeSpan.FromMilliseconds(100) : TimeSpan.Zero;

    public static FaultPoint Parse(string value) =>
        value.Split(':') is [var point, var occurrence] ? new(Enum.Parse<CrashPoint>(point), int.Parse(occurrence, null))
        : throw new FormatException($"'{value}' is not like {CrashPoint.AfterClaim}:1.");

    public override string ToString() => $"{Point}:{Occurrence}";
}
