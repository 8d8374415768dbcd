using System.ComponentModel.DataAnnotations;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Status;

/// <summary>What is happening now, in figures small enough to be pushed once a second.</summary>
/// <param name="Worker">Who embeds.</param>
/// <param name="Runs">Those that are open, the oldest first.</param>
/// <param name="Rates">Of the last minute.</param>
/// <param name="Providers">A state of each model.</param>
/// <param name="Spending">Of today and this month.</param>
/// <param name="ProviderName">The provider, for people.</param>
/// <param name="IsRemote">Whether its calls are paid for and limited.</param>
/// <param name="IsEnabled">Whether anything may be embedded.</param>
/// <param name="Corpora">Null: they are being counted for the first time.</param>
/// <param name="NotMigrated">Declared corpora that the database was not migrated for.</param>
/// <param name="Problem">Why there is nothing to be seen, or null.</param>
internal sealed record Overview(
    WorkerState Worker, IReadOnlyList<RecordedRun> Runs, RecentRates Rates, IReadOnlyList<ProviderStatus> Providers, Spending Spending,
    string ProviderName, bool IsRemote, bool IsEnabled, IReadOnlyList<CorpusOverview>? Corpora, IReadOnlyList<string> NotMigrated,
    string? Problem);

/// <param name="State">
/// working: a run is carried; idle: one looked for work at the last moments of the schedule, or is in this process; absent: neither.
/// </param>
/// <param name="LastWorkedAt">When a run was heard of last.</param>
internal sealed record WorkerState(
    [property: AllowedValues("working", "idle", "absent")] string State, DateTimeOffset? LastWorkedAt);

/// <summary>What was done in the last minute, beside the limits of a minute.</summary>
internal sealed record RecentRates(long Vectors, long Requests, long Tokens, int MaxRequests, int MaxTokens);

/// <summary>The figures of a corpus.</summary>
internal sealed record CorpusOverview(
    string Corpus, IReadOnlyList<KindCoverage> Kinds, DateTimeOffset? PausedAt, DateTimeOffset? OldestPending, Freshness? Freshness);
