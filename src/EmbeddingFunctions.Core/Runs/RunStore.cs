using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Runs as rows of <c>embedding.jobs</c>: begun, opened, closed, each step the same when repeated.</summary>
internal sealed class RunStore(
    NpgsqlDataSource database, ResolvedCorpora corpora, RunScope scope, OtherModels models, RunRequests requests, RunJanitor oldRuns,
    RunHeartbeat pulse, PagePlanner planner, RevertedItems undone, Redaction redaction, TimeProvider time)
{
    // Generic cell rate algorithm: as many starts at once as a minute allows, then one each time the bucket has room. Later ones queue.
    // Runs take their slots one after the other.
    private static SqlText TakeTurn(string corpus) =>
        $"""
        INSERT INTO embedding.start_slots AS s (corpus, arrival) VALUES ({corpus}, now())
        ON CONFLICT (corpus) DO UPDATE SET arrival = s.arrival
        """;

    // The next arrival is a minute after the last start at most: so a run that is cancelled before its start gives its slot back, and
    // nothing waits for a moment of a clock that was wrong. A person's command starts at once, however many events wait.
    private static SqlText TakeSlot(Guid run, string corpus, int startsPerMinute, TimeSpan longestWait) =>
        $"""
        WITH run AS (
            SELECT id, host = 'command' AS is_command FROM embedding.jobs WHERE id = {run} AND starts_at IS NULL FOR UPDATE
        ),
        waiting AS (
            SELECT max(starts_at) AS last FROM embedding.jobs
            WHERE  corpus = {corpus} AND status = 'pending' AND host <> 'command' AND cancel_requested_at IS NULL
            AND    starts_at > now() AND starts_at <= now() + {longestWait}
        ),
        slot AS (
            UPDATE embedding.start_slots s
            SET    arrival = GREATEST(LEAST(s.arrival, GREATEST(waiting.last, now()) + interval '1 minute'), now())
                             + interval '1 minute' / {startsPerMinute}
            FROM   run, waiting
            WHERE  s.corpus = {corpus} AND NOT run.is_command
            RETURNING GREATEST(s.arrival - interval '1 minute', now()) AS starts_at
        ),
        taken AS (
            UPDATE embedding.jobs j SET starts_at = COALESCE((SELECT starts_at FROM slot), now())
            FROM   run WHERE j.id = run.id RETURNING j.starts_at
        )
        SELECT starts_at - now() FROM taken
        UNION ALL
        SELECT LEAST(starts_at - now(), {longestWait}) FROM embedding.jobs WHERE id = {run} AND starts_at IS NOT NULL
        LIMIT 1
        """;

    private static SqlText OpenJob(Guid run) =>
        $"""
        UPDATE embedding.jobs
        SET    status = 'processing', started_at = COALESCE(started_at, now()), completed_at = NULL, error_message = NULL,
               updated_at = now()
        WHERE  id = {run}
        RETURNING force_before, force_before < created_at
        """;

    // Taken up from a process that is gone, it has what was done there and what is pending still.
    private static SqlText SetTotal(Guid run, int pending, int done) =>
        $"""
        UPDATE embedding.jobs
        SET    items_total = CASE WHEN items_total = 0 THEN {pending}
                                  ELSE GREATEST(items_total, LEAST({pending + done}, COALESCE(item_limit, {pending + done}))) END
        WHERE  id = {run}
        RETURNING items_total
        """;

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

    private static SqlText FindReason(string corpus) =>
        $"""
        SELECT reason
        FROM   embedding.failures
        WHERE  corpus = {corpus}
        ORDER  BY failed_at DESC
        LIMIT  1
        """;

    // A run presumed dead must not overwrite a completed result.
    private static SqlText CloseJob(Guid run, string status, string? error, BatchCounts counts) =>
        $"""
        UPDATE embedding.jobs
        SET    status = {status},
               error_message = CASE WHEN {status} = 'cancelled' AND cancel_requested_at IS NOT NULL THEN 'It was cancelled.'
                                    ELSE {error} END,
               items_total = GREATEST(items_total, {counts.Processed + counts.Failed}), items_processed = {counts.Processed},
               items_failed = {counts.Failed}, completed_at = now(), updated_at = now()
        WHERE  id = {run}
        AND    (completed_at IS NULL OR {status} <> 'cancelled')
        RETURNING items_total, extract(epoch FROM now() - COALESCE(started_at, created_at))::float8, error_message
        """;

    /// <summary>Records the run and takes its start slot.</summary>
    /// <returns>When it may begin, by this machine's clock.</returns>
    public async Task<DateTimeOffset> Start(RunInput run, CancellationToken cancellation)
    {
        var request = run.Request;
        var corpus = await corpora.Get(request.Corpus, cancellation);
        await scope.Check(corpus, request, cancellation);
        await EnsureOneModel(corpus, request, cancellation);
        await oldRuns.Tidy(request.Corpus, cancellation);
        await oldRuns.Tidy(corpus, cancellation);
        await requests.Record(request, run.RunId, RunHost.Command, eventId: null, dueAt: null, cancellation);
        return time.GetUtcNow() + await TakeSlotOf(run, corpus.Corpus.StartsPerMinute, cancellation);
    }

    /// <exception cref="DatabaseNotReadyException">
    /// Vectors of another model are in a column that the run would write, and the request does not allow both.
    /// </exception>
    public Task EnsureOneModel(ResolvedCorpus corpus, RunRequest request, CancellationToken cancellation) =>
        request.YesMix ? Task.CompletedTask : models.EnsureNone(corpus, request.Kinds, cancellation);

    private async Task<TimeSpan> TakeSlotOf(RunInput run, int startsPerMinute, CancellationToken cancellation)
    {
        var longestWait = TimeSpan.FromMinutes(1) / startsPerMinute * RunRequests.MostWaiting;
        var wait = TimeSpan.Zero;
        await database.ReadAsync(
            [TakeTurn(run.Request.Corpus), TakeSlot(run.RunId, run.Request.Corpus, startsPerMinute, longestWait)], cancellation,
            row => wait = row.GetTimeSpan(0));
        return wait;
    }

    /// <summary>Counts what is pending and marks the run as at work.</summary>
    public async Task<OpenedRun> Open(RunInput run, CancellationToken cancellation)
    {
        var corpus = await corpora.Get(run.Request.Corpus, cancellation);
        var opened = await database.QueryAsync(
            OpenJob(run.RunId), row => (row.GetFieldValue<DateTimeOffset?>(0), row.GetFieldValue<bool?>(1) is true), cancellation);
        var (forceBefore, goesOn) = opened.SingleOrDefault();
        var done = await Sum(run.RunId, cancellation);
        var pending = await planner.Count(run, forceBefore, cancellation);
        var total = await database.ScalarAsync<int?>(SetTotal(run.RunId, pending, done.Processed + done.Failed), cancellation) ?? pending;
        return new OpenedRun(total, corpus.Corpus.LanesPerPartition, forceBefore, goesOn, done.Claimed > 0 ? done : null);
    }

    /// <summary>Ends the run with what its committed batches say, never with what a process remembers.</summary>
    public async Task<RunOutcome> Close(CloseRun order, CancellationToken cancellation)
    {
        var run = order.Run;
        var counts = await Sum(run.RunId, cancellation);
        var stopReason = order.StopReason ?? (order.Cancelled ? null : await Fruitless(order, counts, cancellation));
        var status = order.Cancelled ? RunStatus.Cancelled : stopReason is null ? RunStatus.Completed : RunStatus.Failed;
        var error = stopReason is not null ? redaction.Clean(stopReason) : order.Cancelled ? "It was interrupted."
            : counts.Processed > 0 ? await undone.Explain(await corpora.Get(run.Request.Corpus, cancellation), run, cancellation) : null;
        var isOthers = order.Cancelled || (order.StopReason is not null && !await corpora.Fits(run.Request.Corpus, cancellation));
        if (isOthers && await pulse.LeaveToOthers(run.RunId, cancellation))
        {
            return new RunOutcome(
                run.RunId, RunStatus.Cancelled, run.Opened?.ItemsTotal ?? 0, counts, "It waits for the next server.", 0, IsLeft: true);
        }

        Checkpoints.Reach(Checkpoint.DuringFinalise);
        return (await database.QueryAsync(
            CloseJob(run.RunId, status.ToString().ToLowerInvariant(), error, counts),
            row => new RunOutcome(run.RunId, status, row.GetInt32(0), counts, row.Text(2), row.GetDouble(1)), cancellation))
            .SingleOrDefault() ?? new RunOutcome(run.RunId, status, 0, counts, error, 0);
    }

    // Work was pending, nothing was done, and it is pending still or has failed: that is no success, whatever went quietly.
    private async Task<string?> Fruitless(CloseRun order, BatchCounts counts, CancellationToken cancellation)
    {
        if (counts.Processed > 0 || order.Run.Opened is not { } opened || (opened.ItemsTotal == 0 && counts.Failed == 0))
        {
            return null;
        }

        if (counts.Failed > 0)
        {
            var reason = await database.ScalarAsync<string>(FindReason(order.Run.Request.Corpus), cancellation);
            return $"Nothing was embedded; {counts.Failed} items failed, the last because {reason}";
        }

        var left = await planner.Count(order.Run, opened.ForceBefore, cancellation);
        return left == 0 ? null : $"Nothing was embedded although {left} items are pending.";
    }

    public async Task<BatchCounts> Sum(Guid runId, CancellationToken cancellation) =>
        (await database.QueryAsync(SumBatches(runId), BatchRow.Read, cancellation)).Single();
}
