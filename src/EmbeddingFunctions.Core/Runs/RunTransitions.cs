using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// All writes to <c>embedding.jobs</c>: each moves a run from one state to another, idempotently. The diagram "The states of a run" in
/// docs/architecture.md shows them; <see cref="RunQueries"/> reads.
/// </summary>
internal sealed partial class RunTransitions(NpgsqlDataSource database, RunQueries queries)
{
    /// <summary>How long a run is its host's without a heartbeat; then another host adopts it. Also the column's default.</summary>
    public static readonly TimeSpan LeaseTime = TimeSpan.FromMinutes(1);

    // Hosts adopt runs from each other; a run is over if none did, as their timers may come once a day.
    private static readonly TimeSpan _abandoned = TimeSpan.FromDays(7);

    private static SqlText MarkProcessing(Guid run) =>
        $"""
        UPDATE embedding.jobs
        SET    status = 'processing', started_at = COALESCE(started_at, now()), completed_at = NULL, error_message = NULL,
               updated_at = now()
        WHERE  id = {run}
        RETURNING force_before, force_before < created_at
        """;

    // An adopted run has what was done by the process that is gone, and what is pending still.
    private static SqlText SetTotal(Guid run, int pending, int done) =>
        $"""
        UPDATE embedding.jobs
        SET    items_total = CASE WHEN items_total = 0 THEN {pending}
                                  ELSE GREATEST(items_total, LEAST({pending + done}, COALESCE(item_limit, {pending + done}))) END
        WHERE  id = {run}
        RETURNING items_total
        """;

    private static SqlText ExtendLease(Guid run) =>
        $"""
        UPDATE embedding.jobs
        SET    leased_until = now() + {LeaseTime}, updated_at = now(), items_processed = {RunQueries.Processed(run)}
        WHERE  id = {run} AND status IN ('pending', 'processing')
        RETURNING cancel_requested_at IS NOT NULL
        """;

    // There are many steps a second: the batches are summed every ten seconds only.
    private static SqlText ExtendLeaseByStep(Guid run) =>
        $"""
        UPDATE embedding.jobs j
        SET    leased_until = now() + {LeaseTime},
               (items_processed, updated_at) = (
                   SELECT CASE WHEN is_old THEN {RunQueries.Processed(run)} ELSE j.items_processed END,
                          CASE WHEN is_old THEN now() ELSE j.updated_at END
                   FROM   (SELECT j.completed_at IS NULL AND j.updated_at < now() - interval '10 seconds' AS is_old) x)
        WHERE  id = {run}
        RETURNING cancel_requested_at IS NOT NULL
        """;

    private static SqlText EndLease(Guid run) => $"UPDATE embedding.jobs SET leased_until = now() WHERE id = {run}";

    private static SqlText EndLeaseOfServer(Guid run) =>
        $"""
        UPDATE embedding.jobs
        SET    leased_until = now(), updated_at = now()
        WHERE  id = {run} AND host = 'server' AND cancel_requested_at IS NULL AND status IN ('pending', 'processing')
        """;

    private static SqlText LeaseOrphaned(RunHost host, string[] corpora, Guid? run) =>
        $"""
        UPDATE embedding.jobs
        SET    leased_until = now() + {LeaseTime}
        WHERE  id IN (
            SELECT id FROM embedding.jobs
            WHERE  host = {Name(host)} AND status IN ('pending', 'processing') AND leased_until < now()
            AND    corpus = ANY ({corpora}) AND ({run} IS NULL OR id = {run})
            ORDER  BY created_at
            FOR    UPDATE SKIP LOCKED)
        RETURNING {RunQueries.InputColumns}
        """;

    private static SqlText RequestCancellation(Guid run) =>
        $"""
        UPDATE embedding.jobs
        SET    cancel_requested_at = COALESCE(cancel_requested_at, now()), updated_at = now()
        WHERE  id = {run} AND status IN ('pending', 'processing')
        """;

    // A run presumed dead must not overwrite a completed result.
    private static SqlText MarkEnded(Guid run, string status, string? error, BatchCounts counts) =>
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

    private static SqlText MarkAbandoned(string corpus) =>
        $"""
        UPDATE embedding.jobs
        SET    status = CASE WHEN cancel_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END,
               error_message = 'The process that ran it ended.', completed_at = now(), updated_at = now()
        WHERE  corpus = {corpus} AND status IN ('pending', 'processing')
        AND    leased_until < now() - CASE host WHEN 'command' THEN interval '0' ELSE {_abandoned} END
        """;

    // The newest scheduled moment stays, so that it is not served twice.
    private static SqlText DeleteEnded(string corpus, TimeSpan age, int limit) =>
        $"""
        DELETE FROM embedding.jobs
        WHERE  id IN (
            SELECT id FROM embedding.jobs j
            WHERE  corpus = {corpus} AND completed_at < now() - {age}
            AND    (due_at IS NULL OR EXISTS (SELECT FROM embedding.jobs later WHERE later.corpus = {corpus} AND later.due_at > j.due_at))
            LIMIT  {limit}
            FOR    UPDATE SKIP LOCKED)
        """;

    // Moments further ahead than any can be are of a clock that was wrong or was set back: they would stop a corpus until then.
    private static SqlText ClearFutureMoments(string corpus) =>
        $"""
        WITH due AS (
            UPDATE embedding.jobs SET due_at = NULL
            WHERE  corpus = {corpus} AND due_at > now() + {RunQueries.Tolerance} AND completed_at IS NOT NULL
        )
        UPDATE embedding.jobs SET leased_until = now()
        WHERE  corpus = {corpus} AND status IN ('pending', 'processing') AND leased_until > now() + {LeaseTime} + {RunQueries.Tolerance}
        """;

    /// <summary>Deletes all runs of a corpus that is removed; a piece of a larger transaction.</summary>
    public static SqlText DeleteAllOf(string corpus) => $"DELETE FROM embedding.jobs WHERE corpus = {corpus}";

    /// <summary>Takes an erased item's words out of the errors of its corpus's runs; a piece of a larger transaction.</summary>
    public static SqlText EraseFromErrors(string corpus, string words) =>
        $"""
        UPDATE embedding.jobs SET error_message = replace(error_message, {words}, '[forgotten]')
        WHERE  corpus = {corpus} AND strpos(error_message, {words}) > 0
        """;

    /// <summary>Marks a run as at work.</summary>
    /// <returns>Forced: the moment before which items must have been embedded, and whether an earlier run set it.</returns>
    public async Task<(DateTimeOffset? ForceBefore, bool GoesOn)> Open(Guid run, CancellationToken cancellation) =>
        (await database.QueryAsync(
            MarkProcessing(run), row => (row.GetFieldValue<DateTimeOffset?>(0), row.GetFieldValue<bool?>(1) is true), cancellation))
            .SingleOrDefault();

    /// <returns>The items in the run's scope, or null if there is no such run.</returns>
    public Task<int?> SetItems(Guid run, int pending, int done, CancellationToken cancellation) =>
        database.ScalarAsync<int?>(SetTotal(run, pending, done), cancellation);

    /// <summary>Extends the lease of a run, and brings its progress up to date.</summary>
    /// <returns>Whether the run is to be cancelled.</returns>
    public Task<bool> Heartbeat(Guid run, CancellationToken cancellation) => database.ScalarAsync<bool>(ExtendLease(run), cancellation);

    /// <summary>The same, by one of the run's steps.</summary>
    /// <returns>Whether the run is to be cancelled.</returns>
    public Task<bool> Beat(Guid run, CancellationToken cancellation) => database.ScalarAsync<bool>(ExtendLeaseByStep(run), cancellation);

    /// <summary>Lets the next host adopt the run at once.</summary>
    public Task Free(Guid run, CancellationToken cancellation) => database.ExecuteAsync(EndLease(run), cancellation);

    /// <returns>Whether the run is a server's, which the next server may adopt at once.</returns>
    public async Task<bool> LeaveToOthers(Guid run, CancellationToken cancellation) =>
        await database.ExecuteAsync(EndLeaseOfServer(run), cancellation) == 1;

    /// <summary>Adopts open runs of a kind of host, of these corpora, whose lease ran out: each is given to one caller.</summary>
    /// <param name="host">The kind.</param>
    /// <param name="corpora">Those that the caller declares.</param>
    /// <param name="run">Only this run.</param>
    /// <param name="cancellation">Ends the statement.</param>
    public async Task<List<RunInput>> Adopt(RunHost host, string[] corpora, Guid? run, CancellationToken cancellation) =>
        await queries.WithCaps(
            await database.QueryAsync(LeaseOrphaned(host, corpora, run), queries.ReadInput, cancellation), cancellation);

    /// <returns>Whether the run was open.</returns>
    public async Task<bool> Cancel(Guid run, CancellationToken cancellation) =>
        await database.ExecuteAsync(RequestCancellation(run), cancellation) == 1;

    /// <returns>The run as it ended, or null if it had ended already and is only cancelled now.</returns>
    public async Task<RunOutcome?> Close(Guid run, RunStatus status, string? error, BatchCounts counts, CancellationToken cancellation) =>
        (await database.QueryAsync(
            MarkEnded(run, Name(status), error, counts),
            row => new RunOutcome(run, status, row.GetInt32(0), counts, row.Text(2), row.GetDouble(1)), cancellation)).SingleOrDefault();

    /// <summary>Ends runs that no process will go on with.</summary>
    public Task EndAbandoned(string corpus, CancellationToken cancellation) =>
        database.ExecuteAsync([ClearFutureMoments(corpus), MarkAbandoned(corpus)], cancellation);

    /// <summary>Deletes some runs that ended that long ago, with their batches.</summary>
    /// <returns>How many.</returns>
    public Task<int> Delete(string corpus, TimeSpan age, int limit, CancellationToken cancellation) =>
        database.ExecuteAsync(DeleteEnded(corpus, age, limit), cancellation, Sql.TimeoutOfCounts);

    /// <returns>The status as the table has it.</returns>
    public static string Name(RunStatus status) => status == RunStatus.CapReached ? "cap_reached" : status.ToString().ToLowerInvariant();

    /// <param name="name">As the table has it, of a run that has ended.</param>
    public static RunStatus StatusOf(string name) => Enum.GetValues<RunStatus>().First(status => Name(status) == name);

    /// <returns>The host as the table has it.</returns>
    public static string Name(RunHost host) => host.ToString().ToLowerInvariant();
}
