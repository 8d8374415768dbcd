namespace EmbeddingFunctions.Status;

/// <summary>
/// How long edits wait for their vectors: from the moment in which a row is written to that in which its vector is, by the database's
/// clock.
/// </summary>
/// <param name="Target">The declared longest, in seconds; null: none is declared.</param>
/// <param name="IsBroken">Whether an edit waits for longer, or more than one in twenty of the last hour did.</param>
/// <param name="Done">What waits no more.</param>
/// <param name="Waiting">What waits; not items that are left to a backfill, failed for good, or were there before the migration.</param>
public sealed record Freshness(double? Target, bool IsBroken, RecentLags Done, Lags Waiting);

/// <summary>Of edits whose vectors were written of late.</summary>
/// <param name="Hour">Within the last hour.</param>
/// <param name="Day">Within the last day.</param>
public sealed record RecentLags(Lags Hour, Lags Day);

/// <summary>In seconds; null: of no edits.</summary>
/// <param name="P50">Half of the edits waited no longer; of those that are done, to a fifth.</param>
/// <param name="P95">The same of 95 %.</param>
/// <param name="Max">The longest.</param>
public sealed record Lags(double? P50, double? P95, double? Max)
{
    internal static readonly Lags None = new(null, null, null);
}
