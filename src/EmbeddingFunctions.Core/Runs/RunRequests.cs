using System.Collections.Concurrent;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Requested runs, as rows of <c>embedding.jobs</c>: recorded once for each event and each scheduled moment.</summary>
internal sealed class RunRequests(NpgsqlDataSource database, EmbeddingSettings settings)
{
    /// <summary>How many runs of a corpus may wait for their start; more events are refused until some have begun.</summary>
    public const int MostWaiting = 60;

    // A command that was forced goes on where an earlier one stopped; what hosts carry goes on by itself, and each event means itself.
    // Scheduled: only if no later moment was served, and no run of an earlier one goes on, which takes all that is pending anyway.
    private static SqlText Insert(RunRequest request, Guid id, RunHost host, string? eventId, DateTimeOffset? dueAt) =>
        $"""
        INSERT INTO embedding.jobs (corpus, partition, kinds, selection, item_limit, force_before, host, event_id, due_at, id)
        SELECT {request.Corpus}, {request.Partition}, {RunScope.Kinds(request)}, {RunScope.Selection(request)}, {request.Limit},
               CASE WHEN {request.Force}
                    THEN COALESCE(CASE WHEN {Name(host)} = 'command' THEN ({RunScope.LentMoment(request)}) END, now()) END,
               {Name(host)}, {eventId}, {dueAt}, {id}
        WHERE  {dueAt} IS NULL OR NOT EXISTS (
            SELECT FROM embedding.jobs
            WHERE  corpus = {request.Corpus} AND due_at IS NOT NULL
            AND    (due_at >= {dueAt} AND due_at <= now() + {StoredTimestamps.Tolerance}
                    OR status IN ('pending', 'processing') AND leased_until > now() - interval '1 hour'))
        ON CONFLICT DO NOTHING
        """;

    // Events of a corpus are recorded one after the other, so that each sees the runs of those before.
    private static SqlText TakeTurn(string corpus) =>
        $"SELECT pg_advisory_xact_lock(hashtextextended('embedding events of ' || {corpus}, 0))";

    // A run that has not started plans after this statement, so it takes all that is pending now: a second one for the same would find
    // nothing.
    private static SqlText InsertEvent(RunRequest request, Guid id, RunHost host, string? eventId)
    {
        var (corpus, partition, kinds) = (Sql.Value(request.Corpus), Sql.Value(request.Partition), Sql.Value(RunScope.Kinds(request)));
        var (limit, isForced, byHost, asked) = (
            Sql.Value(request.Limit), Sql.Value(request.Force), Sql.Value(Name(host)), Sql.Value(eventId));
        return
            $$"""
            WITH known AS (
                SELECT FROM embedding.jobs WHERE event_id = {{asked}}
                UNION ALL
                SELECT FROM embedding.run_events WHERE event_id = {{asked}}
            ),
            waiting AS (
                SELECT * FROM embedding.jobs
                WHERE  corpus = {{corpus}} AND status = 'pending' AND host = {{byHost}} AND cancel_requested_at IS NULL
            ),
            covering AS (
                SELECT id FROM waiting
                WHERE  NOT {{isForced}} AND force_before IS NULL AND due_at IS NULL AND selection IS NULL
                AND    leased_until > now() - interval '1 hour'
                AND    (partition IS NULL OR partition = {{partition}}) AND (kinds = '{}' OR {{kinds}} <> '{}' AND kinds @> {{kinds}})
                AND    (item_limit IS NULL
                        OR item_limit >= {{limit}} AND partition IS NOT DISTINCT FROM {{partition}} AND kinds = {{kinds}})
                AND    NOT EXISTS (SELECT FROM known)
                ORDER  BY created_at
                LIMIT  1
            ),
            covered AS (
                INSERT INTO embedding.run_events (event_id, run_id, corpus, partition, kinds, item_limit, is_forced)
                SELECT {{asked}}, id, {{corpus}}, {{partition}}, {{kinds}}, {{limit}}, {{isForced}}
                FROM   covering WHERE {{asked}} IS NOT NULL
            ),
            inserted AS (
                INSERT INTO embedding.jobs (corpus, partition, kinds, item_limit, force_before, host, event_id, id)
                SELECT {{corpus}}, {{partition}}, {{kinds}}, {{limit}}, CASE WHEN {{isForced}} THEN now() END, {{byHost}}, {{asked}}, {{id}}
                WHERE  NOT EXISTS (SELECT FROM known) AND NOT EXISTS (SELECT FROM covering)
                AND    (SELECT count(*) FROM waiting) < {{MostWaiting}}
                ON CONFLICT DO NOTHING
                RETURNING id
            )
            SELECT CASE WHEN EXISTS (SELECT FROM inserted) THEN 'Recorded' WHEN EXISTS (SELECT FROM covering) THEN 'Covered'
                        WHEN (SELECT count(*) FROM waiting) >= {{MostWaiting}} AND NOT EXISTS (SELECT FROM known) THEN 'Refused'
                        ELSE 'Known' END,
                   COALESCE((SELECT id FROM covering), {{id}})
            """;
    }

    private static SqlText FindEvent(string eventId, RunRequest request) =>
        $"""
        SELECT j.id, j.status IN ('pending', 'processing'),
               (asked.corpus, asked.partition, asked.kinds, asked.item_limit, asked.is_forced) IS NOT DISTINCT FROM
                   ({request.Corpus}, {request.Partition}, {RunScope.Kinds(request)}, {request.Limit}, {request.Force})
        FROM  (SELECT id, corpus, partition, kinds, item_limit, force_before IS NOT NULL AS is_forced
               FROM   embedding.jobs WHERE event_id = {eventId}
               UNION ALL
               SELECT run_id, corpus, partition, kinds, item_limit, is_forced FROM embedding.run_events WHERE event_id = {eventId}) asked
        JOIN   embedding.jobs j USING (id)
        """;

    private readonly ConcurrentDictionary<string, SemaphoreSlim> _turns = new();

    private static SqlText TakeOrphaned(RunHost host, string[] corpora, Guid? run) =>
        $"""
        UPDATE embedding.jobs
        SET    leased_until = now() + {RunHeartbeat.LeaseTime}
        WHERE  id IN (
            SELECT id FROM embedding.jobs
            WHERE  host = {Name(host)} AND status IN ('pending', 'processing') AND leased_until < now()
            AND    corpus = ANY ({corpora}) AND ({run} IS NULL OR id = {run})
            ORDER  BY created_at
            FOR    UPDATE SKIP LOCKED)
        RETURNING {Columns}
        """;

    private static SqlText FreeRun(Guid id) =>
        $"""
        UPDATE embedding.jobs
        SET    leased_until = now()
        WHERE  id = {id}
        """;

    private static SqlText FindOpen(Guid id) =>
        $"""
        SELECT {Columns}
        FROM   embedding.jobs
        WHERE  id = {id} AND status IN ('pending', 'processing')
        """;

    private static SqlText Columns =>
        $"id, corpus, partition, kinds, item_limit, force_before IS NOT NULL, due_at IS NOT NULL, selection::text";

    private static SqlText MarkCancelled(Guid id) =>
        $"""
        UPDATE embedding.jobs
        SET    cancel_requested_at = COALESCE(cancel_requested_at, now()), updated_at = now()
        WHERE  id = {id} AND status IN ('pending', 'processing')
        """;

    /// <returns>Whether it was recorded now; false: its id, event or moment was served before, or an earlier scheduled run goes
    /// on.</returns>
    public async Task<bool> Record(
        RunRequest request, Guid id, RunHost host, string? eventId, DateTimeOffset? dueAt, CancellationToken cancellation) =>
        await database.ExecuteAsync(Insert(request, id, host, eventId, dueAt?.ToUniversalTime()), cancellation) == 1;

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
            var recorded = (RecordedEvent.Known, id);
            await database.ReadAsync(
                [TakeTurn(request.Corpus), InsertEvent(request, id, host, eventId)], cancellation, _ => { },
                row => recorded = (Enum.Parse<RecordedEvent>(row.GetString(0)), row.GetGuid(1)));
            return recorded;
        }
        finally
        {
            turn.Release();
        }
    }

    /// <returns>The run that an event asked for, whether it is open, and whether it asked for just this; or null.</returns>
    public async Task<(Guid Id, bool IsOpen, bool IsSame)?> OfEvent(string eventId, RunRequest request, CancellationToken cancellation) =>
        await database.QueryAsync(
            FindEvent(eventId, request), row => (row.GetGuid(0), row.GetBoolean(1), row.GetBoolean(2)), cancellation)
            is [var found, ..] ? found : null;

    /// <summary>
    /// Open runs of a kind of host, of these corpora, whose lease ran out: each is given to one caller.
    /// </summary>
    /// <param name="host">The kind.</param>
    /// <param name="corpora">Those that the caller declares.</param>
    /// <param name="run">Only this run.</param>
    /// <param name="cancellation">Ends the asking.</param>
    public Task<List<RunInput>> TakeOrphanedRuns(RunHost host, string[] corpora, Guid? run, CancellationToken cancellation) =>
        database.QueryAsync(TakeOrphaned(host, corpora, run), Run, cancellation);

    /// <summary>Lets the next host adopt the run at once.</summary>
    public Task Free(Guid id, CancellationToken cancellation) => database.ExecuteAsync(FreeRun(id), cancellation);

    /// <returns>The run if it is open.</returns>
    public async Task<RunInput?> Open(Guid id, CancellationToken cancellation) =>
        (await database.QueryAsync(FindOpen(id), Run, cancellation)).SingleOrDefault();

    /// <returns>Whether the run was open.</returns>
    public async Task<bool> Cancel(Guid id, CancellationToken cancellation) =>
        await database.ExecuteAsync(MarkCancelled(id), cancellation) == 1;

    public static string Name(RunHost host) => host.ToString().ToLowerInvariant();

    private RunInput Run(NpgsqlDataReader row)
    {
        var request = new RunRequest(
            row.GetString(1), row.GetFieldValue<string[]>(3), row.Text(2), row.GetFieldValue<int?>(4), row.GetBoolean(5),
            settings.BatchesInFlight)
        {
            IsScheduled = row.GetBoolean(6),
            Selection = RunScope.Selection(row.Text(7)),
        };
        return new RunInput(row.GetGuid(0), request) { IsRecorded = true };
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
