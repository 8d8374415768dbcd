using System.Collections.Concurrent;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>How a run gets its row, once for each command, event, scheduled moment and trigger.</summary>
internal sealed partial class RunTransitions
{
    private const string NoLedger = "The database has no ledger for caps of dollars yet: run 'embeddings migrate'.";

    private readonly ConcurrentDictionary<string, SemaphoreSlim> _turns = new();
    private volatile bool _hasCaps;

    // A forced command continues where an earlier one stopped; forced runs of hosts continue by themselves, and each forced event starts
    // afresh. A scheduled run is inserted only if no run exists for this or a later due time and no earlier scheduled run is open, because
    // that one takes everything pending.
    private static SqlText Insert(RunRequest request, Guid id, RunHost host, DateTimeOffset? dueAt) =>
        $"""
        INSERT INTO embedding.jobs (corpus, partition, kinds, selection, item_limit, force_before, host, due_at, id)
        SELECT {request.Corpus}, {request.Partition}, {RunScope.Kinds(request)}, {RunScope.Selection(request)}, {request.Limit},
               CASE WHEN {request.Force}
                    THEN COALESCE(CASE WHEN {Name(host)} = 'command' THEN ({RunQueries.UnfinishedForce(request)}) END, now()) END,
               {Name(host)}, {dueAt}, {id}
        WHERE  {dueAt} IS NULL OR NOT EXISTS (
            SELECT FROM embedding.jobs
            WHERE  corpus = {request.Corpus} AND due_at IS NOT NULL
            AND    (due_at >= {dueAt} AND due_at <= now() + {RunQueries.Tolerance}
                    OR status IN ('pending', 'processing') AND leased_until > now() - interval '1 hour'))
        ON CONFLICT DO NOTHING
        """;

    // Runs of a corpus are recorded one after the other, so that each sees those before.
    private static SqlText TakeTurn(string what, string corpus) =>
        $"SELECT pg_advisory_xact_lock(hashtextextended('embedding ' || {what} || ' of ' || {corpus}, 0))";

    // A run that has not started plans after this statement, so it takes all that is pending now: a second one for the same would find
    // nothing.
    // A run with a cap of its own takes no other's work, and none takes the work of one.
    private static SqlText InsertEvent(RunRequest request, Guid id, RunHost host, string? eventId, bool hasCaps)
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
                {{Sql.When(request.MaxDollars is not null, $"AND false")}}
                {{Sql.When(hasCaps, $"AND NOT EXISTS (SELECT FROM embedding.run_caps c WHERE c.run_id = waiting.id)")}}
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

    // Inserts nothing while an open run takes everything pending (a scheduled run does not take what it leaves to a backfill), if a run has
    // ended since the look, on the day on which a cap of dollars stopped such a run, or soon after a run that was cancelled, failed without
    // a failed item, or had its items reverted by a trigger: the next run would end the same way.
    private static SqlText InsertTriggered(Corpus corpus, Guid run, RunHost host, DateTimeOffset lookedAt) =>
        $$"""
        INSERT INTO embedding.jobs (corpus, id, host, kinds)
        SELECT {{corpus.Name}}, {{run}}, {{Name(host)}}, '{}'
        WHERE  NOT EXISTS (
            SELECT FROM embedding.jobs
            WHERE  corpus = {{corpus.Name}} AND status IN ('pending', 'processing') AND leased_until > now()
            AND    partition IS NULL AND kinds = '{}' AND selection IS NULL AND item_limit IS NULL AND force_before IS NULL
            AND    (due_at IS NULL OR {{corpus.Scheduled?.NewerThan is null}}))
        AND    NOT EXISTS (
            SELECT FROM embedding.jobs
            WHERE  corpus = {{corpus.Name}} AND completed_at > now() - interval '1 hour'
            AND    completed_at <= now() + {{RunQueries.Tolerance}}
            AND    (completed_at >= {{lookedAt}}
                    OR completed_at > now() - interval '15 minutes' AND status = 'completed' AND error_message IS NOT NULL
                    OR completed_at > now() - interval '1 minute' AND (status = 'cancelled' OR status = 'failed' AND items_failed = 0)))
        AND    NOT EXISTS (
            SELECT FROM embedding.jobs
            WHERE  corpus = {{corpus.Name}} AND status = 'cap_reached' AND host IN ('server', 'functions')
            AND    completed_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
            AND    completed_at <= now() + {{RunQueries.Tolerance}})
        """;

    /// <summary>Records the run of a command, or of a scheduled moment.</summary>
    /// <returns>
    /// Whether it was recorded now; false: the run or its moment was recorded before, or an earlier scheduled run goes on.
    /// </returns>
    public async Task<bool> Record(RunRequest request, Guid id, RunHost host, DateTimeOffset? dueAt, CancellationToken cancellation) =>
        await database.ExecuteAsync(Insert(request, id, host, dueAt?.ToUniversalTime()), cancellation) == 1
        && await Cap(id, request.MaxDollars, cancellation);

    // Of a run that was recorded: an event that is known already has none of this id.
    private static SqlText InsertCap(Guid run, decimal dollars) =>
        $"""
        INSERT INTO embedding.run_caps (run_id, max_dollars)
        SELECT id, {dollars} FROM embedding.jobs WHERE id = {run}
        ON CONFLICT DO NOTHING
        """;

    /// <exception cref="DatabaseNotReadyException">The database was not migrated for caps.</exception>
    private async Task<bool> Cap(Guid run, decimal? dollars, CancellationToken cancellation)
    {
        try
        {
            return dollars is not { } cap || await database.ExecuteAsync(InsertCap(run, cap), cancellation) == 1;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            throw new DatabaseNotReadyException(NoLedger);
        }
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
            _hasCaps = _hasCaps || await database.ScalarAsync<bool>(
                $"SELECT to_regclass('embedding.run_caps') IS NOT NULL", cancellation);
            if (request.MaxDollars is not null && !_hasCaps)
            {
                throw new DatabaseNotReadyException(NoLedger);
            }

            var recorded = (RecordedEvent.Known, id);
            await database.ReadAsync(
                [
                    TakeTurn("events", request.Corpus), InsertEvent(request, id, host, eventId, _hasCaps),
                    .. request.MaxDollars is { } dollars ? new[] { InsertCap(id, dollars) } : [],
                ],
                cancellation, _ => { }, row => recorded = (Enum.Parse<RecordedEvent>(row.GetString(0)), row.GetGuid(1)));
            return recorded;
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Records a run for what was found pending at a moment, unless another run takes it.</summary>
    /// <returns>Whether it was recorded; of many hosts that are woken by the same edit, one records it.</returns>
    public async Task<bool> RecordTriggered(
        Corpus corpus, Guid id, RunHost host, DateTimeOffset lookedAt, CancellationToken cancellation) =>
        await database.ExecuteAsync([TakeTurn("wake", corpus.Name), InsertTriggered(corpus, id, host, lookedAt)], cancellation) == 1;
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
