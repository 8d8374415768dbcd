using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>What says that somebody carries a run, and hears whether it is still wanted.</summary>
internal sealed class RunPulse(NpgsqlDataSource database)
{
    private const string Beat =
        """
        UPDATE embedding_jobs
        SET    heartbeat_at = now(), updated_at = now(),
               items_processed = (SELECT COALESCE(sum(embedded + unchanged + empty), 0) FROM embedding_batches WHERE run_id = $1)
        WHERE  id = $1 AND status IN ('pending', 'processing')
        RETURNING cancel_requested_at IS NOT NULL
        """;

    private const string Touch =
        """
        UPDATE embedding_jobs
        SET    heartbeat_at = now()
        WHERE  id = $1
        RETURNING cancel_requested_at IS NOT NULL
        """;

    // A server that stops leaves its runs to the next one.
    private const string Leave =
        """
        UPDATE embedding_jobs
        SET    heartbeat_at = now() - interval '61 seconds', updated_at = now()
        WHERE  id = $1 AND host = 'server' AND cancel_requested_at IS NULL AND status IN ('pending', 'processing')
        """;

    /// <summary>Says that the run's process lives, and brings its progress up to date.</summary>
    /// <returns>Whether the run is to be cancelled.</returns>
    public Task<bool> Heartbeat(Guid runId, CancellationToken cancellation) => Ask(Beat, runId, cancellation);

    /// <summary>Says that the run goes on.</summary>
    /// <returns>Whether it is to be cancelled.</returns>
    public Task<bool> IsUnwanted(Guid runId, CancellationToken cancellation) => Ask(Touch, runId, cancellation);

    /// <returns>Whether the run is a server's, which the next one may take up at once.</returns>
    public async Task<bool> LeaveToOthers(Guid runId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(Leave);
        command.Parameters.Add(new() { Value = runId });
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    private async Task<bool> Ask(string sql, Guid runId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.Add(new() { Value = runId });
        return await command.ExecuteScalarAsync(cancellation) is true;
    }
}
