using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Batches;

/// <summary>The statements of <see cref="ClaimStore"/>.</summary>
internal static class ClaimStatements
{
    private const string Unchangeable = "a policy of row security lets this role see the row and not change it";
    private const string Hidden = "a policy of row security hides the row from this role";

    // Where lanes are declared, claims of a partition are serialized, so that each sees the batches in flight. While some items may have
    // ended their workers, claims of the whole corpus are serialized and one such item is in flight at a time. A batch that does not get
    // the advisory lock does not wait on a connection; the lock ends with the transaction.
    public static SqlText TakeTurn(ResolvedCorpus corpus, string partition)
    {
        var name = corpus.Corpus.Name;
        SqlText Lock(SqlText of) => $"pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended({of}, 0))";
        var lane = Sql.When(
            corpus.Corpus.LanesPerPartition is not null, $"{Lock($"'embedding lanes of ' || {name} || ' ' || {partition}")} AND ");
        return
            $"""
            SELECT pg_catalog.set_config('embedding.has_turn', (
                {lane}CASE WHEN EXISTS (
                             SELECT FROM embedding.claims
                             WHERE  corpus = {name} AND leased_until < now() AND attempts >= {ClaimStore.MaxAttempts} - 1)
                         THEN {Lock($"'embedding suspects of ' || {name}")}
                         ELSE true END)::text, true)
            """;
    }

    /// <summary>Excludes items that a worker holds or that wait after a failure; <c>t</c> is the row.</summary>
    /// <remarks>OFFSET 0 makes it a look-up by key for each row: the table comes and goes too fast for statistics, which would have it
    /// joined as if it were empty.</remarks>
    public static SqlText NotHeld(ResolvedCorpus corpus, ResolvedTable table) =>
        $"""
        NOT EXISTS (
            SELECT FROM embedding.claims c
            WHERE  c.corpus = {corpus.Corpus.Name} AND c.kind = {table.Kind} AND c.item_id = {table.Id}::text
            AND    (c.leased_until > now() OR c.retry_at > now() AND COALESCE(c.version = {table.Version}, true))
            OFFSET 0)
        """;

    // Unless the line has failed, what is on another line too waits for that one. The array is one look by key for each item.
    private static SqlText IsOnLine(ResolvedCorpus corpus, ResolvedTable table, LaneLine line) =>
        $"""
        {table.Id} {Sql.Is} ANY (ARRAY(
            SELECT item_id::{table.IdType} FROM embedding.lane_items
            WHERE  batch_id = {line.Batch} AND line = {line.Number} AND kind = {table.Kind}))
        AND EXISTS (
            SELECT FROM embedding.lane_items l
            WHERE  l.batch_id = {line.Batch} AND l.line = {line.Number} AND l.kind = {table.Kind} AND l.item_id = {table.Id}::text
            AND    l.version = {table.Version}
            AND    ({line.HasFailed} OR NOT EXISTS (
                SELECT FROM embedding.lane_items o
                WHERE  o.batch_id = l.batch_id AND o.line <> l.line AND o.kind = l.kind AND o.item_id = l.item_id))
            OFFSET 0)
        AND NOT EXISTS (
            SELECT FROM embedding.claims c
            WHERE  c.corpus = {corpus.Corpus.Name} AND c.kind = {table.Kind} AND c.item_id = {table.Id}::text
            AND    (c.leased_until > now() OR c.reason IS NOT NULL AND c.retry_at > now())
            OFFSET 0)
        """;

    // SKIP LOCKED spreads workers that ask at the same moment; the key of embedding.claims decides who has the item.
    // An item whose worker vanished with it twice is taken alone, and no other such item beside it: if it is to blame, none of
    // them is charged with it. As text: tests/EmbeddingFunctions.Core.Tests/Sql/claim.approved.sql.
    public static SqlText Take(ResolvedCorpus corpus, EmbedBatch batch, Guid token, ClaimPlace? after = null)
    {
        var (table, name) = (corpus.TableOf(batch.Kind), corpus.Corpus.Name);
        var partition = Sql.Of($"{batch.Partition}::{table.PartitionType}");
        var isForced = batch.Scope == PendingScope.Forced;
        var place = Sql.Of($"OVER (ORDER BY f.position {Sql.When(!isForced, $"DESC")}, f.id)");
        var texts = Enumerable.Range(0, table.Template.Columns.Count).Select(i => Sql.Raw($"text_{i}")).ToList();
        var selected = Sql.Join(", ", table.TextColumns.Zip(texts, (column, text) => Sql.Of($"{column} AS {text}")));
        return
            $"""
            WITH found AS (
                SELECT {table.Id} AS id, {table.Id}::text AS item_id, {table.Version} AS version, {table.Hash} AS content_hash,
                       {table.State} AS state, {table.RuleId} AS rule, {table.Vector} IS NOT NULL AS has_vector,
                       {Sql.When(!table.IsBeside, $"{selected}, ")}
                       {(isForced ? table.GeneratedAt : table.Moved ?? Sql.Of($"NULL::timestamptz"))} AS position
                FROM   {table.Target} t
                WHERE  {table.Partition} {table.IsPartition} {partition} {corpus.AndIsActive(table, partition)}
                AND    {table.DueIn(batch.RunId, batch.Scope, batch.ForceBefore)}{table.Selected(batch.Selection)}
                AND    {(batch.Line is { } line ? IsOnLine(corpus, table, line) : NotHeld(corpus, table))}
                AND    current_setting('embedding.has_turn') = 'true'{table.AndIsCurrent}
                AND    NOT EXISTS (SELECT FROM embedding.batches WHERE id = {batch.BatchId})
                {(batch.Line is null ? AndIsWanted(corpus, batch) : Sql.Empty)}{AndIsAfter(table, after)}
                ORDER  BY {table.Order(batch.Scope)}
                LIMIT  {batch.Count}
                FOR    NO KEY UPDATE OF t SKIP LOCKED
            ),
            {Sql.When(table.IsBeside, $"{Read(table, selected)}")}
            judged AS (
                SELECT f.*, row_number() {place} AS place,
                       sum({Sql.Join(" + ", texts.Select(text => Sql.Of($"COALESCE(octet_length(f.{text}), 0)")))}) {place} AS bytes,
                       COALESCE(c.leased_until < now(), false) AS was_lost,
                       COALESCE(c.leased_until < now() AND c.attempts >= {ClaimStore.MaxAttempts} - 1, false) AS is_suspect
                FROM   {(table.IsBeside ? Sql.Of($"read") : Sql.Of($"found"))} f
                LEFT   JOIN LATERAL (
                    SELECT leased_until, attempts FROM embedding.claims
                    WHERE  corpus = {name} AND kind = {table.Kind} AND item_id = f.item_id OFFSET 0
                ) c ON true
            ),
            chosen AS (
                SELECT * FROM judged
                WHERE  CASE WHEN (SELECT is_suspect AND NOT {SuspectInFlight(corpus)} FROM judged WHERE place = 1)
                            THEN place = 1 ELSE NOT is_suspect END
                AND    (place = 1 OR bytes <= {ClaimStore.MaxBytesOf(table)})
            ),
            claimed AS (
                INSERT INTO embedding.claims AS c (corpus, kind, item_id, partition, token, leased_until, version)
                SELECT {name}, {table.Kind}, item_id, {batch.Partition}, {token}, clock_timestamp() + {ClaimStore.LeaseTime}, version
                FROM   chosen ORDER BY item_id
                ON CONFLICT (corpus, kind, item_id) DO UPDATE
                SET    token = EXCLUDED.token, leased_until = EXCLUDED.leased_until, partition = EXCLUDED.partition,
                       version = EXCLUDED.version, attempts = c.attempts + 1
                WHERE  (c.leased_until IS NULL OR c.leased_until < now())
                AND    {(batch.Line is null ? MayRetry : Sql.Of($"true"))}
                RETURNING c.item_id, c.attempts, c.content_hash, c.is_dead
            )
            SELECT ch.item_id, ch.version, ch.content_hash, ch.state, ch.has_vector, cl.attempts, cl.content_hash, cl.is_dead, ch.was_lost,
                   ch.position::text, ch.rule, {Sql.Join(", ", texts.Select(text => Sql.Of($"ch.{text}")))}
            FROM   chosen ch
            JOIN   claimed cl USING (item_id)
            ORDER  BY ch.place
            """;
    }

    // Rows before it are held by this process, or will be looked at again. Only a bound of the index, not the order itself.
    private static SqlText AndIsAfter(ResolvedTable table, ClaimPlace? after) => after switch
    {
        null => Sql.Empty,
        { Position: { } position } => Sql.Of($" AND {table.Moved!} <= {position}::timestamptz"),
        _ => Sql.Of($" AND {table.Id} OPERATOR(pg_catalog.>) {after.Id}::{table.IdType}"),
    };

    private static SqlText MayRetry => $"(c.retry_at IS NULL OR c.retry_at <= now() OR c.version <> EXCLUDED.version)";

    private static SqlText AndIsWanted(ResolvedCorpus corpus, EmbedBatch batch) =>
        $"""
        AND    NOT EXISTS (SELECT FROM embedding.jobs WHERE id = {batch.RunId} AND cancel_requested_at IS NOT NULL)
        {AndLaneIsFree(corpus, batch.Partition)}
        """;

    // The row of the companion is locked as it is now, the texts are those of the statement's beginning: an edit in between has counted the
    // version on, and the item is left to a later claim. So is one whose edit is only noted: its vector would be paid for and refused.
    // OFFSET 0 keeps Postgres from expecting one row of them all, and from joining the claims to them by comparing all with all.
    private static SqlText Read(ResolvedTable table, SqlText selected) =>
        $"""
        read AS (
            SELECT f.*, t.*
            FROM   found f
            CROSS  JOIN LATERAL (
                SELECT {selected} FROM {table.Items} t
                WHERE  {table.Id} {Sql.Is} f.id AND {table.Version} = f.version{table.AndIsSettled} OFFSET 0) t
        ),
        """;

    // A batch is its claims: those of a worker that vanished count until their lease is over.
    public static SqlText AndLaneIsFree(ResolvedCorpus corpus, string partition) => Sql.When(
        corpus.Corpus.LanesPerPartition is not null,
        $"""
        AND    {corpus.Corpus.LanesPerPartition} > (
            SELECT count(DISTINCT token) FROM embedding.claims
            WHERE  corpus = {corpus.Corpus.Name} AND partition = {partition} AND leased_until > now())
        """);

    // Items that may be to blame for their workers' end, in flight: the attempt at hand is their last.
    public static SqlText SuspectInFlight(ResolvedCorpus corpus) =>
        $"""
        EXISTS (
            SELECT FROM embedding.claims
            WHERE  corpus = {corpus.Corpus.Name} AND leased_until > now() AND attempts >= {ClaimStore.MaxAttempts})
        """;

    public static SqlText Renew(Claim claim) =>
        $"""
        UPDATE embedding.claims
        SET    leased_until = clock_timestamp() + {ClaimStore.LeaseTime}
        WHERE  token = {claim.Token}
        """;

    // Gives the attempt back. A row is kept only for the failures it remembers.
    public static SqlText ReleaseUncharged(Claim claim) =>
        $"""
        WITH forgotten AS (
            DELETE FROM embedding.claims
            WHERE  token = {claim.Token} AND attempts <= 1 AND reason IS NULL
        )
        UPDATE embedding.claims
        SET    token = NULL, leased_until = NULL, attempts = attempts - 1
        WHERE  token = {claim.Token} AND NOT (attempts <= 1 AND reason IS NULL)
        """;

    // With NOWAIT a row that another has is an error: those that are then missing are kept back by a policy. Of rows beside a companion
    // none is written, and one that is missing cannot be seen.
    public static SqlText RefuseUnwritable(ResolvedCorpus corpus, EmbedBatch batch)
    {
        var table = corpus.TableOf(batch.Kind);
        return
            $"""
            WITH seen AS MATERIALIZED (
                SELECT {table.Id} AS id FROM {table.Target} t
                WHERE  pg_catalog.row_security_active({Sql.Literal(table.QuotedName)}::pg_catalog.regclass){table.AndIsCurrent}
                AND    {table.Partition} {table.IsPartition} {batch.Partition}::{table.PartitionType}
                AND    {table.Due(batch.Scope, batch.ForceBefore)}{table.Selected(batch.Selection)} AND {NotHeld(corpus, table)}
                ORDER  BY {table.Order(batch.Scope)} LIMIT {batch.Count}
            ),
            writable AS MATERIALIZED (
                SELECT {table.Id} AS id FROM {table.Items} t WHERE {table.Id} {Sql.Is} ANY (SELECT id FROM seen)
                {Sql.When(!table.IsBeside, $"FOR    NO KEY UPDATE OF t NOWAIT")}
            ),
            failed AS (
                INSERT INTO embedding.claims AS c (corpus, kind, item_id, partition, attempts, reason, failed_at, retry_at)
                SELECT {corpus.Corpus.Name}, {table.Kind}, id::text, {batch.Partition}, {ClaimStore.MaxAttempts},
                       {(table.IsBeside ? Hidden : Unchangeable)}, now(), now() + interval '1 hour'
                FROM   seen WHERE NOT EXISTS (SELECT FROM writable w WHERE w.id {Sql.Is} seen.id)
                ON CONFLICT (corpus, kind, item_id) DO UPDATE
                SET    attempts = EXCLUDED.attempts, reason = EXCLUDED.reason, failed_at = EXCLUDED.failed_at, retry_at = EXCLUDED.retry_at
                WHERE  c.leased_until IS NULL AND (c.retry_at IS NULL OR c.retry_at <= now())
                RETURNING item_id
            )
            INSERT INTO embedding.batches AS b (id, run_id, kind, partition, claimed, failed)
            SELECT {batch.BatchId}, {batch.RunId}, {table.Kind}, {batch.Partition}, count(*), count(*) FROM failed HAVING count(*) > 0
            ON CONFLICT (id) DO NOTHING
            """;
    }
}
