using EmbeddingFunctions.Settings;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>What was asked for, as rows of <c>embedding_jobs</c>: recorded once for each event and each scheduled moment.</summary>
internal sealed class RunRequests(NpgsqlDataSource database, EmbeddingSettings settings)
{
    // A command that was forced goes on where an earlier one stopped; what hosts carry goes on by itself, and each event means itself.
    // Scheduled: only if no later moment was served, and no run of an earlier one goes on, which takes all that is pending anyway.
    private const string Insert =
        $"""
        INSERT INTO embedding_jobs (corpus, partition, kinds, selection, item_limit, force_before, host, event_id, due_at, id)
        SELECT $1, $2, $3, $4, $5, CASE WHEN $6 THEN COALESCE(CASE WHEN $7 = 'command' THEN ({RunScope.LentMoment}) END, now()) END, $7, $8, $9, $10
        WHERE  $9 IS NULL OR NOT EXISTS (
            SELECT FROM embedding_jobs
            WHERE  corpus = $1 AND due_at IS NOT NULL
            AND    (due_at >= $9 OR status IN ('pending', 'processing') AND heartbeat_at > now() - interval '1 hour'))
        ON CONFLICT DO NOTHING
        """;

    private const string FindEvent =
        """
        SELECT id, status IN ('pending', 'processing'),
               (corpus, partition, kinds, item_limit, force_before IS NOT NULL) IS NOT DISTINCT FROM ($2, $3, $4, $5, $6)
        FROM   embedding_jobs
        WHERE  event_id = $1
        """;

    private const string TakeSilent =
        """
        UPDATE embedding_jobs
        SET    heartbeat_at = now()
        WHERE  id IN (
            SELECT id FROM embedding_jobs
            WHERE  host = $1 AND status IN ('pending', 'processing') AND heartbeat_at < now() - $2
            AND    corpus = ANY ($3) AND ($4 IS NULL OR id = $4)
            ORDER  BY created_at
            FOR    UPDATE SKIP LOCKED)
        RETURNING id, corpus, partition, kinds, item_limit, force_before IS NOT NULL, due_at IS NOT NULL, selection::text
        """;

    private const string FreeRun =
        """
        UPDATE embedding_jobs
        SET    heartbeat_at = now() - interval '61 seconds'
        WHERE  id = $1
        """;

    private const string FindOpen =
        """
        SELECT id, corpus, partition, kinds, item_limit, force_before IS NOT NULL, due_at IS NOT NULL, selection::text
        FROM   embedding_jobs
        WHERE  id = $1 AND status IN ('pending', 'processing')
        """;

    private const string MarkCancelled =
        """
        UPDATE embedding_jobs
        SET    cancel_requested_at = COALESCE(cancel_requested_at, now()), updated_at = now()
        WHERE  id = $1 AND status IN ('pending', 'processing')
        """;

    /// <returns>Whether it was recorded now; false: its id, event or moment was served before, or an earlier scheduled run goes on.</returns>
    public async Task<bool> Record(
        RunRequest request, Guid id, RunHost host, string? eventId, DateTimeOffset? dueAt, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(Insert);
        command.Parameters.Add(new() { Value = request.Corpus });
        command.Parameters.Add(RunScope.Partition(request));
        command.Parameters.Add(RunScope.Kinds(request));
        command.Parameters.Add(RunScope.Selection(request));
        command.Parameters.Add(RunScope.Limit(request));
        command.Parameters.Add(new() { Value = request.Force });
        command.Parameters.Add(new() { Value = Name(host) });
        command.Parameters.Add(new() { Value = (object?)eventId ?? DBNull.Value, DataTypeName = "text" });
        command.Parameters.Add(new() { Value = (object?)dueAt?.ToUniversalTime() ?? DBNull.Value, DataTypeName = "timestamptz" });
        command.Parameters.Add(new() { Value = id });
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    /// <returns>The run that an event asked for, whether it is open, and whether it asked for just this; or null.</returns>
    public async Task<(Guid Id, bool IsOpen, bool IsSame)?> OfEvent(string eventId, RunRequest request, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(FindEvent);
        command.Parameters.Add(new() { Value = eventId });
        command.Parameters.Add(new() { Value = request.Corpus });
        command.Parameters.Add(RunScope.Partition(request));
        command.Parameters.Add(RunScope.Kinds(request));
        command.Parameters.Add(RunScope.Limit(request));
        command.Parameters.Add(new() { Value = request.Force });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? (reader.GetGuid(0), reader.GetBoolean(1), reader.GetBoolean(2)) : null;
    }

    /// <summary>Open runs of a kind of host, of these corpora, of which nobody was heard for so long: each is given to one caller.</summary>
    /// <param name="host">The kind.</param>
    /// <param name="silence">How long.</param>
    /// <param name="corpora">Those that the caller declares.</param>
    /// <param name="run">Only this run.</param>
    /// <param name="cancellation">Ends the asking.</param>
    public Task<List<RunInput>> TakeSilentRuns(
        RunHost host, TimeSpan silence, string[] corpora, Guid? run, CancellationToken cancellation) =>
        Read(TakeSilent, cancellation, Name(host), silence, corpora, new NpgsqlParameter { Value = (object?)run ?? DBNull.Value, DataTypeName = "uuid" });

    /// <summary>Lets whoever asks next take the run up, without waiting for its silence.</summary>
    public async Task Free(Guid id, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(FreeRun);
        command.Parameters.Add(new() { Value = id });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <returns>The run if it is open.</returns>
    public async Task<RunInput?> Open(Guid id, CancellationToken cancellation) => (await Read(FindOpen, cancellation, id)).SingleOrDefault();

    /// <returns>Whether the run was open.</returns>
    public async Task<bool> Cancel(Guid id, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(MarkCancelled);
        command.Parameters.Add(new() { Value = id });
        return await command.ExecuteNonQueryAsync(cancellation) == 1;
    }

    public static string Name(RunHost host) => host.ToString().ToLowerInvariant();

    private async Task<List<RunInput>> Read(string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = database.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(value as NpgsqlParameter ?? new() { Value = value });
        }

        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var runs = new List<RunInput>();
        while (await reader.ReadAsync(cancellation))
        {
            var request = new RunRequest(
                reader.GetString(1), reader.GetFieldValue<string[]>(3), reader.IsDBNull(2) ? null : reader.GetString(2),
                reader.IsDBNull(4) ? null : reader.GetInt32(4), reader.GetBoolean(5), settings.BatchesInFlight)
            {
                IsScheduled = reader.GetBoolean(6),
                Selection = RunScope.Selection(reader.IsDBNull(7) ? null : reader.GetString(7)),
            };
            runs.Add(new RunInput(reader.GetGuid(0), request) { IsRecorded = true });
        }

        return runs;
    }
}
