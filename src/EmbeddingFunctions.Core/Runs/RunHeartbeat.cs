using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>A run's heartbeat, which also learns whether the run was cancelled.</summary>
internal sealed class RunHeartbeat(NpgsqlDataSource database)
{
    /// <summary>How long a run is its host's without a heartbeat; then another host adopts it. Also the column's default.</summary>
    public static readonly TimeSpan LeaseTime = TimeSpan.FromMinutes(1);

    private static SqlText BeatOfAProcess(Guid run) =>
        $"""
        UPDATE embedding.jobs
        SET    leased_until = now() + {LeaseTime}, updated_at = now(),
               items_processed = (SELECT COALESCE(sum(embedded + unchanged + empty), 0) FROM embedding.batches WHERE run_id = {run})
        WHERE  id = {run} AND status IN ('pending', 'processing')
        RETURNING cancel_requested_at IS NOT NULL
        """;

    // From steps, of which there are many a second: the batches are summed every ten seconds only.
    private static SqlText BeatOfAStep(Guid run) =>
        $"""
        UPDATE embedding.jobs j
        SET    leased_until = now() + {LeaseTime},
               (items_processed, updated_at) = (
                   SELECT CASE WHEN is_old
                               THEN (SELECT COALESCE(sum(embedded + unchanged + empty), 0) FROM embedding.batches WHERE run_id = {run})
                               ELSE j.items_processed END,
                          CASE WHEN is_old THEN now() ELSE j.updated_at END
                   FROM   (SELECT j.completed_at IS NULL AND j.updated_at < now() - interval '10 seconds' AS is_old) x)
        WHERE  id = {run}
        RETURNING cancel_requested_at IS NOT NULL
        """;

    // A server that stops leaves its runs to the next one.
    private static SqlText Leave(Guid run) =>
        $"""
        UPDATE embedding.jobs
        SET    leased_until = now(), updated_at = now()
        WHERE  id = {run} AND host = 'server' AND cancel_requested_at IS NULL AND status IN ('pending', 'processing')
        """;

    /// <summary>Extends the run's lease, and brings its progress up to date.</summary>
    /// <returns>Whether the run is to be cancelled.</returns>
    public Task<bool> Heartbeat(Guid runId, CancellationToken cancellation) =>
        database.ScalarAsync<bool>(BeatOfAProcess(runId), cancellation);

    /// <summary>The same, said by one of the run's steps.</summary>
    /// <returns>Whether the run is to be cancelled.</returns>
    public Task<bool> Beat(Guid runId, CancellationToken cancellation) => database.ScalarAsync<bool>(BeatOfAStep(runId), cancellation);

    /// <returns>Whether the run is a server's, which the next one may take up at once.</returns>
    public async Task<bool> LeaveToOthers(Guid runId, CancellationToken cancellation) =>
        await database.ExecuteAsync(Leave(runId), cancellation) == 1;
}
