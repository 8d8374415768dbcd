using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Runs that were neither requested nor scheduled: something is pending that need not wait.</summary>
internal sealed class TriggeredRuns(
    NpgsqlDataSource database, DatabaseClock clock, PagePlanner planner, SharedRateLimiter limiter, EmbeddingSettings settings)
{
    // Hosts that are woken by the same edit come one after the other, so that each sees the run of the one before.
    private static SqlText TakeTurn(string corpus) =>
        $"SELECT pg_advisory_xact_lock(hashtextextended('embedding wake of ' || {corpus}, 0))";

    // Not while a run is open that takes all that is pending (what a scheduled run leaves to a backfill, it does not take), nor if one has
    // ended since that was looked for, which may have taken it; nor soon after one that failed at no item of its own, or was not wanted, or
    // whose items a trigger made pending again: the next would end the same way.
    private static SqlText InsertUnlessOneIs(Corpus corpus, Guid run, RunHost host, DateTimeOffset lookedAt) =>
        $$"""
        INSERT INTO embedding.jobs (corpus, id, host, kinds)
        SELECT {{corpus.Name}}, {{run}}, {{RunRequests.Name(host)}}, '{}'
        WHERE  NOT EXISTS (
            SELECT FROM embedding.jobs
            WHERE  corpus = {{corpus.Name}} AND status IN ('pending', 'processing') AND leased_until > now()
            AND    partition IS NULL AND kinds = '{}' AND selection IS NULL AND item_limit IS NULL AND force_before IS NULL
            AND    (due_at IS NULL OR {{corpus.Scheduled?.NewerThan is null}}))
        AND    NOT EXISTS (
            SELECT FROM embedding.jobs
            WHERE  corpus = {{corpus.Name}} AND completed_at > now() - interval '1 hour'
            AND    completed_at <= now() + {{StoredTimestamps.Tolerance}}
            AND    (completed_at >= {{lookedAt}}
                    OR completed_at > now() - interval '15 minutes' AND status = 'completed' AND error_message IS NOT NULL
                    OR completed_at > now() - interval '1 minute' AND (status = 'cancelled' OR status = 'failed' AND items_failed = 0)))
        """;

    /// <summary>Records the run if anything is pending for it.</summary>
    public async Task<TriggerResult> Record(Corpus corpus, RunInput run, RunHost host, CancellationToken cancellation)
    {
        var lookedAt = await clock.Now(cancellation);
        var page = await planner.Plan(new PlanPage(run, Cursor: "", Busy: [], Items: 1), cancellation);
        if (page.Batches.Count == 0)
        {
            return page.HeldUntil is null ? TriggerResult.Nothing : TriggerResult.Busy;
        }

        return await limiter.Of(settings.ModelFor(corpus)).Status(cancellation) is { State: ProviderStatus.Stopped } ? TriggerResult.Stopped
            : await Insert(corpus, run.RunId, host, lookedAt, cancellation) ? TriggerResult.Recorded
            : TriggerResult.Busy;
    }

    private async Task<bool> Insert(Corpus corpus, Guid run, RunHost host, DateTimeOffset lookedAt, CancellationToken cancellation) =>
        await database.ExecuteAsync([TakeTurn(corpus.Name), InsertUnlessOneIs(corpus, run, host, lookedAt)], cancellation) == 1;
}

/// <summary>The outcome of a notification.</summary>
internal enum TriggerResult
{
    /// <summary>Nothing is pending, or it waits for its time to be tried again.</summary>
    Nothing,

    /// <summary>There is a run for it now.</summary>
    Recorded,

    /// <summary>A run is open, or others hold what is pending: what is left when they end is to be looked at.</summary>
    Busy,

    /// <summary>The provider refuses all calls.</summary>
    Stopped,
}
