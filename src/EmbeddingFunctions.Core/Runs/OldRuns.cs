using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Ends runs that nobody carries any more, and forgets those that ended long ago.</summary>
internal sealed class OldRuns(NpgsqlDataSource database)
{
    /// <summary>A run whose process has not been heard of for so long is over, or free to be taken up.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    // What hosts take up from each other is over if none did; their timers may come once a day.
    private static readonly TimeSpan _abandoned = TimeSpan.FromDays(7);

    private static readonly TimeSpan _kept = TimeSpan.FromDays(90);

    private const string EndSilentRuns =
        """
        UPDATE embedding_jobs
        SET    status = CASE WHEN cancel_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END,
               error_message = 'The process that ran it ended.', completed_at = now(), updated_at = now()
        WHERE  corpus = $1 AND status IN ('pending', 'processing') AND heartbeat_at < now() - CASE host WHEN 'command' THEN $2 ELSE $3 END
        """;

    private const string DropOldRuns =
        """
        DELETE FROM embedding_jobs j
        WHERE  corpus = $1 AND completed_at < now() - $2
        AND    (due_at IS NULL OR EXISTS (SELECT FROM embedding_jobs later WHERE later.corpus = $1 AND later.due_at > j.due_at))
        """;

    public async Task Tidy(string corpus, CancellationToken cancellation)
    {
        await Execute(EndSilentRuns, cancellation, corpus, Silence, _abandoned);
        await Execute(DropOldRuns, cancellation, corpus, _kept);
    }

    private async Task Execute(string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = database.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync(cancellation);
    }
}
