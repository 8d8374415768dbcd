using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>All reading of <c>embedding.jobs</c>, except conditions on items; <see cref="RunTransitions"/> writes.</summary>
internal sealed partial class RunQueries(NpgsqlDataSource database, EmbeddingSettings settings)
{
    /// <summary>How far clocks may differ.</summary>
    public static SqlText Tolerance => $"interval '1 minute'";

    /// <summary>What <see cref="ReadInput"/> reads.</summary>
    public static SqlText InputColumns =>
        $"id, corpus, partition, kinds, item_limit, force_before IS NOT NULL, due_at IS NOT NULL, selection::text";

    /// <summary>When a run was heard of last, whether one is carried now, and how many vectors were written within a minute.</summary>
    public static SqlText Activity =>
        $"""
        SELECT (SELECT max(updated_at) FROM (SELECT updated_at FROM embedding.jobs ORDER BY created_at DESC LIMIT 20) newest),
               EXISTS (SELECT FROM embedding.jobs WHERE status IN ('pending', 'processing') AND leased_until > now()),
               (SELECT COALESCE(sum(b.embedded), 0)
                FROM  (SELECT id FROM embedding.jobs WHERE status IN ('pending', 'processing')
                       UNION ALL
                       SELECT id FROM embedding.jobs WHERE completed_at > now() - interval '1 minute') r
                CROSS  JOIN LATERAL (SELECT embedded FROM embedding.batches
                                     WHERE  run_id = r.id AND finished_at > now() - interval '1 minute' OFFSET 0) b)
        """;

    /// <summary>
    /// The last run of each corpus that was not cancelled, and whether a cap of dollars stopped it that is in force still: until the day is
    /// over, or the month.
    /// </summary>
    public static SqlText FindLastEnded(string[] corpora) =>
        $"""
        SELECT c.name, j.id, j.status, j.error_message,
               j.status = 'cap_reached' AND j.error_message LIKE '%EMBEDDING_MAX_DOLLARS%' AND j.completed_at >= date_trunc(
                   CASE WHEN j.error_message LIKE '%PER_MONTH%' THEN 'month' ELSE 'day' END, now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        FROM   unnest({corpora}) AS c (name)
        CROSS  JOIN LATERAL (
            SELECT id, status, error_message, completed_at FROM embedding.jobs
            WHERE  corpus = c.name AND completed_at IS NOT NULL AND status <> 'cancelled'
            ORDER  BY completed_at DESC
            LIMIT  1) j
        """;

    /// <summary>What batches did in each step of time, by corpus.</summary>
    public static SqlText SumByTime(string[] corpora, DateTimeOffset since, TimeSpan step) =>
        $"""
        SELECT r.corpus, date_bin({step}, b.finished_at, {since}), sum(b.embedded)::bigint, sum(b.saved_tokens)::bigint
        FROM  (SELECT id, corpus FROM embedding.jobs WHERE corpus = ANY ({corpora}) AND completed_at >= {since}
               UNION ALL
               SELECT id, corpus FROM embedding.jobs WHERE corpus = ANY ({corpora}) AND status IN ('pending', 'processing')) r
        CROSS  JOIN LATERAL (SELECT * FROM embedding.batches WHERE run_id = r.id AND finished_at >= {since} OFFSET 0) b
        GROUP  BY 1, 2
        """;

    /// <summary>An open run that a host carries at this moment.</summary>
    public static SqlText FindCarried(string corpus) =>
        $"""
        SELECT id FROM embedding.jobs
        WHERE  corpus = {corpus} AND status IN ('pending', 'processing') AND leased_until > now()
        LIMIT  1
        """;

    /// <summary>
    /// What batches did by kind, of open runs and of those that ended within a time. Rows cannot be used: one that was found
    /// unchanged also has a new timestamp. Each run's batches are looked up by index, as there may be millions of older ones.
    /// </summary>
    public static SqlText SumByKind(string corpus, TimeSpan within) =>
        $"""
        WITH runs AS (
            SELECT id FROM embedding.jobs WHERE corpus = {corpus} AND completed_at > now() - {within}
            UNION ALL
            SELECT id FROM embedding.jobs WHERE corpus = {corpus} AND status IN ('pending', 'processing')
        )
        SELECT b.kind, sum(b.cached), sum(b.embedded - b.cached), sum(b.saved_tokens)::bigint,
               COALESCE(sum(b.embedded) FILTER (WHERE b.finished_at > now() - interval '1 hour'), 0),
               max(b.finished_at) FILTER (WHERE b.embedded > 0),
               round(sum(b.embedded + b.changed + b.failed - b.cached)::numeric / NULLIF(sum(b.requests), 0), 1)::float8
        FROM   runs r
        CROSS  JOIN LATERAL (SELECT * FROM embedding.batches WHERE run_id = r.id OFFSET 0) b
        GROUP  BY b.kind
        """;

    /// <summary>
    /// The <c>force_before</c> of an unfinished forced run over the same scope, even if its process has ended: items that it embedded are
    /// not embedded again. A run with a limit is done only if it found less than that. After a day a new one begins.
    /// </summary>
    public static SqlText UnfinishedForce(RunRequest request) =>
        $"""
        SELECT j.force_before FROM embedding.jobs j
        WHERE  {IsOver($"j", request)} AND j.force_before > now() - interval '1 day'
        AND    j.host = 'command' AND j.cancel_requested_at IS NULL
        AND    NOT EXISTS (SELECT FROM embedding.jobs done
                           WHERE {IsOver($"done", request)}
                           AND   done.force_before = j.force_before
                           AND   done.status = 'completed' AND (done.item_limit IS NULL OR done.items_total < done.item_limit))
        ORDER  BY j.created_at DESC
        LIMIT  1
        """;

    /// <summary>How many items a run has settled.</summary>
    public static SqlText Processed(Guid run) =>
        $"(SELECT COALESCE(sum(embedded + unchanged + empty), 0) FROM embedding.batches WHERE run_id = {run})";

    /// <summary>Whether another run of its corpus has settled items since this one began.</summary>
    public static SqlText IsForestalled(Guid run) =>
        $"""
        SELECT EXISTS (
            SELECT
            FROM   embedding.jobs mine
            JOIN   embedding.jobs other ON other.corpus = mine.corpus AND other.id <> mine.id
            JOIN   embedding.batches b ON b.run_id = other.id AND b.finished_at >= mine.started_at
            WHERE  mine.id = {run} AND (other.completed_at IS NULL OR other.completed_at >= mine.started_at)
            AND    b.embedded + b.unchanged + b.empty > 0)
        """;

    private static SqlText IsOver(SqlText run, RunRequest request) =>
        $"""
        {run}.corpus = {request.Corpus} AND {run}.partition IS NOT DISTINCT FROM {request.Partition}
        AND {run}.kinds = {RunScope.Kinds(request)} AND {run}.selection IS NOT DISTINCT FROM {RunScope.Selection(request)}
        """;

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

    private static SqlText FindOpen(Guid run) =>
        $"SELECT {InputColumns} FROM embedding.jobs WHERE id = {run} AND status IN ('pending', 'processing')";

    // In the order of a batch's own columns.
    private static SqlText SumBatches(Guid run) =>
        $"""
        SELECT COALESCE(sum(claimed), 0)::int, COALESCE(sum(embedded), 0)::int, COALESCE(sum(unchanged), 0)::int,
               COALESCE(sum(empty), 0)::int, COALESCE(sum(changed), 0)::int, COALESCE(sum(failed), 0)::int,
               COALESCE(sum(cached), 0)::int, COALESCE(sum(requests), 0)::int,
               COALESCE(sum(tokens), 0)::bigint, COALESCE(sum(saved_tokens), 0)::bigint
        FROM   embedding.batches
        WHERE  run_id = {run}
        """;

    /// <returns>The run that an event asked for, whether it is open, and whether it asked for just this; or null.</returns>
    public async Task<(Guid Id, bool IsOpen, bool IsSame)?> OfEvent(string eventId, RunRequest request, CancellationToken cancellation)
    {
        var found = await database.QueryAsync(
            FindEvent(eventId, request), row => (Id: row.GetGuid(0), IsOpen: row.GetBoolean(1), IsSame: row.GetBoolean(2)), cancellation);
        if (found.Count == 0)
        {
            return null;
        }

        var (id, isOpen, isSame) = found[0];
        decimal? cap = (await Caps([id], cancellation)).TryGetValue(id, out var dollars) ? dollars : null;
        return (id, isOpen, isSame && cap == request.MaxDollars);
    }

    /// <returns>The run if it is open.</returns>
    public async Task<RunInput?> Open(Guid run, CancellationToken cancellation) =>
        (await WithCaps(await database.QueryAsync(FindOpen(run), ReadInput, cancellation), cancellation)).SingleOrDefault();

    /// <returns>Runs with the most that each may spend.</returns>
    public async Task<List<RunInput>> WithCaps(List<RunInput> inputs, CancellationToken cancellation)
    {
        if (inputs.Count == 0)
        {
            return inputs;
        }

        var caps = await Caps(inputs.Select(input => input.RunId).ToArray(), cancellation);
        return inputs.Select(input => caps.TryGetValue(input.RunId, out var dollars)
            ? input with { Request = input.Request with { MaxDollars = dollars } } : input).ToList();
    }

    /// <returns>The most that each of these runs may spend, if that is limited; none in a database of an earlier version.</returns>
    public async Task<Dictionary<Guid, decimal>> Caps(Guid[] ids, CancellationToken cancellation)
    {
        try
        {
            return (await database.QueryAsync(
                $"SELECT run_id, max_dollars FROM embedding.run_caps WHERE run_id = ANY ({ids})",
                row => (row.GetGuid(0), row.GetDecimal(1)), cancellation)).ToDictionary();
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return [];
        }
    }

    /// <returns>The tokens that runs of a corpus have paid for.</returns>
    public Task<long> Tokens(string corpus, CancellationToken cancellation) => database.ScalarAsync<long>(
        $"""
        SELECT COALESCE(sum(b.tokens), 0)::bigint FROM embedding.batches b JOIN embedding.jobs j ON j.id = b.run_id
        WHERE  j.corpus = {corpus}
        """,
        cancellation, Sql.TimeoutOfCounts);

    /// <returns>What a run's committed batches did.</returns>
    public async Task<BatchCounts> Sum(Guid run, CancellationToken cancellation) =>
        (await database.QueryAsync(SumBatches(run), BatchRow.Read, cancellation)).Single();

    /// <returns>Forced: the moment before which an item must have been embedded to be in scope; else null.</returns>
    public async Task<DateTimeOffset?> ForceBefore(RunRequest request, CancellationToken cancellation) => !request.Force ? null
        : await database.ScalarAsync<DateTimeOffset>($"SELECT COALESCE(({UnfinishedForce(request)}), now())", cancellation);

    /// <summary>Reads <see cref="InputColumns"/>.</summary>
    public RunInput ReadInput(NpgsqlDataReader row)
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
