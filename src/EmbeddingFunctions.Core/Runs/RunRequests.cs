using System.Collections.Concurrent;
using EmbeddingFunctions.Settings;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>What was asked for, as rows of <c>embedding_jobs</c>: recorded once for each event and each scheduled moment.</summary>
internal sealed class RunRequests(NpgsqlDataSource database, EmbeddingSettings settings)
{
    /// <summary>So many runs of a corpus may wait for their start; more events are refused until some have begun.</summary>
    public const int MostWaiting = 60;

    // A command that was forced goes on where an earlier one stopped; what hosts carry goes on by itself, and each event means itself.
    // Scheduled: only if no later moment was served, and no run of an earlier one goes on, which takes all that is pending anyway.
    private const string Insert =
        $"""
        INSERT INTO embedding_jobs (corpus, partition, kinds, selection, item_limit, force_before, host, event_id, due_at, id)
        SELECT $1, $2, $3, $4, $5, CASE WHEN $6 THEN COALESCE(CASE WHEN $7 = 'command' THEN ({RunScope.LentMoment}) END, now()) END, $7, $8,
            $9, $10
        WHERE  $9 IS NULL OR NOT EXISTS (
            SELECT FROM embedding_jobs
            WHERE  corpus = $1 AND due_at IS NOT NULL
            AND    (due_at >= $9 AND due_at <= now() + {StoredMoments.Tolerance}
                    OR status IN ('pending', 'processing') AND heartbeat_at > now() - interval '1 hour'))
        ON CONFLICT DO NOTHING
        """;

    // Events of a corpus are recorded one after the other, so that each sees the runs of those before.
    private const string TakeTurn = "SELECT pg_advisory_xact_lock(hashtextextended('embedding events of ' || $1, 0))";

    // A run that has not started plans after this statement, so it takes all that is pending now: a second one for the same would find
    // nothing.
    private const string InsertEvent =
        """
        WITH known AS (
            SELECT FROM embedding_jobs WHERE event_id = $8
            UNION ALL
            SELECT FROM embedding_run_events WHERE event_id = $8
        ),
        waiting AS (
            SELECT * FROM embedding_jobs WHERE corpus = $1 AND status = 'pending' AND host = $7 AND cancel_requested_at IS NULL
        ),
        covering AS (
            SELECT id FROM waiting
            WHERE  NOT $6 AND force_before IS NULL AND due_at IS NULL AND selection IS NULL AND heartbeat_at > now() - interval '1 hour'
            AND    (partition IS NULL OR partition = $2) AND (kinds = '{}' OR $3 <> '{}' AND kinds @> $3)
            AND    (item_limit IS NULL OR item_limit >= $4 AND partition IS NOT DISTINCT FROM $2 AND kinds = $3)
            AND    NOT EXISTS (SELECT FROM known)
            ORDER  BY created_at
            LIMIT  1
        ),
        covered AS (
            INSERT INTO embedding_run_events (event_id, run_id, corpus, partition, kinds, item_limit, is_forced)
            SELECT $8, id, $1, $2, $3, $4, $6 FROM covering WHERE $8 IS NOT NULL
        ),
        inserted AS (
            INSERT INTO embedding_jobs (corpus, partition, kinds, item_limit, force_before, host, event_id, id)
            SELECT $1, $2, $3, $4, CASE WHEN $6 THEN now() END, $7, $8, $5
            WHERE  NOT EXISTS (SELECT FROM known) AND NOT EXISTS (SELECT FROM covering) AND (SELECT count(*) FROM waiting) < $9
            ON CONFLICT DO NOTHING
            RETURNING id
        )
        SELECT CASE WHEN EXISTS (SELECT FROM inserted) THEN 'Recorded' WHEN EXISTS (SELECT FROM covering) THEN 'Covered'
                    WHEN (SELECT count(*) FROM waiting) >= $9 AND NOT EXISTS (SELECT FROM known) THEN 'Refused' ELSE 'Known' END,
               COALESCE((SELECT id FROM covering), $5)
        """;

    private const string FindEvent =
        """
        SELECT j.id, j.status IN ('pending', 'processing'),
               (asked.corpus, asked.partition, asked.kinds, asked.item_limit, asked.is_forced) IS NOT DISTINCT FROM ($2, $3, $4, $5, $6)
        FROM  (SELECT id, corpus, partition, kinds, item_limit, force_before IS NOT NULL AS is_forced FROM embedding_jobs WHERE event_id =
            $1
               UNION ALL
               SELECT run_id, corpus, partition, kinds, item_limit, is_forced FROM embedding_run_events WHERE event_id = $1) asked
        JOIN   embedding_jobs j USING (id)
        """;

    private readonly ConcurrentDictionary<string, SemaphoreSlim> _turns = new();

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

    /// <returns>Whether it was recorded now; false: its id, event or moment was served before, or an earlier scheduled run goes
    /// on.</returns>
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

    /// <summary>Records the run that an event asks for, unless there is one that takes it, or too many wait.</summary>
    /// <returns>What became of it, and the run that takes it.</returns>
    public async Task<(RecordedEvent Event, Guid Run)> RecordEvent(
        RunRequest request, Guid id, RunHost host, string? eventId, CancellationToken cancellation)
    {
        // One of this process at a time waits on a connection.
        var turn = _turns.GetOrAdd(request.Corpus, _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(cancellation);
        try
        {
            await using var batch = database.CreateBatch();
            batch.BatchCommands.Add(new NpgsqlBatchCommand(TakeTurn) { Parameters = { new() { Value = request.Corpus } } });
            var insert = new NpgsqlBatchCommand(InsertEvent);
            foreach (var parameter in new NpgsqlParameter[]
            {
                new() { Value = request.Corpus }, RunScope.Partition(request), RunScope.Kinds(request), RunScope.Limit(request),
                new() { Value = id },
                new() { Value = request.Force }, new() { Value = Name(host) },
                new() { Value = (object?)eventId ?? DBNull.Value, DataTypeName = "text" },
                new() { Value = MostWaiting },
            })
            {
                insert.Parameters.Add(parameter);
            }

            batch.BatchCommands.Add(insert);
            await using var reader = await batch.ExecuteReaderAsync(cancellation);
            await reader.NextResultAsync(cancellation);
            await reader.ReadAsync(cancellation);
            return (Enum.Parse<RecordedEvent>(reader.GetString(0)), reader.GetGuid(1));
        }
        finally
        {
            turn.Release();
        }
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

    /// <summary>
    /// Open runs of a kind of host, of these corpora, of which nobody was heard for so long: each is given to one caller.
    /// </summary>
    /// <param name="host">The kind.</param>
    /// <param name="silence">How long.</param>
    /// <param name="corpora">Those that the caller declares.</param>
    /// <param name="run">Only this run.</param>
    /// <param name="cancellation">Ends the asking.</param>
    public Task<List<RunInput>> TakeSilentRuns(
        RunHost host, TimeSpan silence, string[] corpora, Guid? run, CancellationToken cancellation) =>
        Read(
            TakeSilent, cancellation, Name(host), silence, corpora,
            new NpgsqlParameter { Value = (object?)run ?? DBNull.Value, DataTypeName = "uuid" });

    /// <summary>Lets whoever asks next take the run up, without waiting for its silence.</summary>
    public async Task Free(Guid id, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(FreeRun);
        command.Parameters.Add(new() { Value = id });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <returns>The run if it is open.</returns>
    public async Task<RunInput?> Open(Guid id, CancellationToken cancellation) =>
        (await Read(FindOpen, cancellation, id)).SingleOrDefault();

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

/// <summary>What became of an event.</summary>
internal enum RecordedEvent
{
    /// <summary>It has a run of its own.</summary>
    Recorded,

    /// <summary>A run that has not started takes it.</summary>
    Covered,

    /// <summary>An event of that id was recorded before.</summary>
    Known,

    /// <summary>Too many runs wait.</summary>
    Refused,
}
