using System.Collections.Concurrent;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Claims: the leased right to embed an item, by the database's clock, one statement each.</summary>
internal sealed class ClaimStore(NpgsqlDataSource database, ILogger<ClaimStore> log)
{
    public const int MaxAttempts = 3;

    /// <summary>
    /// A batch holds more than its first item only while their texts together are no longer: they, and the vectors of their chunks, must
    /// fit into memory.
    /// </summary>
    public const int MaxCharacters = 4_000_000;

    // Of a batch of several items, by estimate.
    private const int MaxChunks = 2_000;
    private const int CharactersPerToken = 3;

    private const string Unchangeable = "a policy of row security lets this role see the row and not change it";
    private const string Hidden = "a policy of row security hides the row from this role";

    /// <summary>How long a claim holds unless it is renewed.</summary>
    public static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(30);

    private static SqlText RenewClaims(Claim claim) =>
        $"""
        UPDATE embedding.claims
        SET    leased_until = clock_timestamp() + {LeaseTime}
        WHERE  token = {claim.Token}
        """;

    // Gives the attempt back. A row is kept only for the failures it remembers.
    private static SqlText ReleaseClaims(Claim claim) =>
        $"""
        WITH forgotten AS (
            DELETE FROM embedding.claims
            WHERE  token = {claim.Token} AND attempts <= 1 AND reason IS NULL
        )
        UPDATE embedding.claims
        SET    token = NULL, leased_until = NULL, attempts = attempts - 1
        WHERE  token = {claim.Token} AND NOT (attempts <= 1 AND reason IS NULL)
        """;

    // Claims of a partition are serialized, so that each sees the batches in flight and none waits for another's rows. While some items may
    // have ended their workers, claims of the whole corpus are serialized and one such item is in flight at a time. A batch that does not
    // get the advisory lock does not wait on a connection; the lock ends with the transaction.
    private static SqlText TakeTurn(string corpus, string partition) =>
        $"""
        SELECT pg_catalog.set_config('embedding.has_turn', (
            pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('embedding lanes of ' || {corpus} || ' ' || {partition}, 0))
            AND CASE WHEN EXISTS (
                         SELECT FROM embedding.claims
                         WHERE  corpus = {corpus} AND leased_until < now() AND attempts >= {MaxAttempts} - 1)
                     THEN pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('embedding suspects of ' || {corpus}, 0))
                     ELSE true END)::text, true)
        """;

    private readonly ConcurrentDictionary<(string, string), SemaphoreSlim> _turns = new();

    /// <summary>
    /// Claims and loads the next items, newest first; an attempt is charged now, so that an item that ends its worker runs out of them.
    /// Returns no items if the batch is already recorded (a repeated command must not become a second batch), if all lanes of the partition
    /// are taken, if the run is to be cancelled, or while another process claims from the partition.
    /// </summary>
    public async Task<Claim> Take(ResolvedCorpus corpus, EmbedBatch batch, CancellationToken cancellation)
    {
        var table = corpus.TableOf(batch.Kind);
        var token = Guid.CreateVersion7();
        // Of this process one claims at a time, so that the others' connections are free.
        var turn = _turns.GetOrAdd((corpus.Corpus.Name, batch.Partition), _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(cancellation);
        try
        {
            var (hadTurn, items) = (false, new List<ClaimedItem>());
            await database.ReadAsync(
                [TakeTurn(corpus.Corpus.Name, batch.Partition), Statement(corpus, batch, token)], cancellation,
                row => hadTurn = row.GetString(0) == "true", row => items.Add(Item(row, table.Template.Columns.Count)));
            return new Claim(
                corpus, table, batch.RunId, batch.Partition, token, items, IsForced: batch.ForceBefore is not null)
            { HadTurn = hadTurn };
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Whether another batch of the partition may be in flight, of whatever items.</summary>
    public Task<bool> HasFreeLane(ResolvedCorpus corpus, string partition, CancellationToken cancellation) => database.ScalarAsync<bool>(
        $"SELECT {corpus.Corpus.LanesPerPartition} > ({Lanes(corpus, partition)}) AND NOT {SuspectInFlight(corpus)}", cancellation);

    /// <summary><see cref="MaxCharacters"/>, or of texts that are embedded in small chunks as many as make some thousand chunks.</summary>
    public static int MaxCharactersOf(ResolvedTable table) => table.Chunks is not { } chunks ? MaxCharacters
        : (int)Math.Min(MaxCharacters, (long)MaxChunks * CharactersPerToken * (chunks.MaxTokens - chunks.OverlapTokens));

    /// <returns>How many items the claim still holds.</returns>
    public Task<int> Renew(Claim claim, CancellationToken cancellation) => database.ExecuteAsync(RenewClaims(claim), cancellation);

    /// <summary>
    /// Has items fail that a policy lets this role see and not change: no statement can lock them, and no run would ever be done with them.
    /// To be asked when a claim found none of the items that were planned.
    /// </summary>
    public async Task RefuseUnwritable(ResolvedCorpus corpus, EmbedBatch batch, CancellationToken cancellation)
    {
        try
        {
            await database.ExecuteAsync(Unwritable(corpus, batch), cancellation);
        }
        catch (PostgresException e) when (WriteFaults.IsLocked(e))
        {
            log.RowsAreLocked(batch.Kind, corpus.Corpus.Name);
        }
    }

    // With NOWAIT a row that another has is an error: those that are then missing are kept back by a policy. Of rows beside a companion
    // none is written, and one that is missing cannot be seen.
    internal static SqlText Unwritable(ResolvedCorpus corpus, EmbedBatch batch)
    {
        var table = corpus.TableOf(batch.Kind);
        return
            $"""
            WITH seen AS MATERIALIZED (
                SELECT {table.Id} AS id FROM {table.Target} t
                WHERE  pg_catalog.row_security_active({Sql.Literal(table.QuotedName)}::pg_catalog.regclass)
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
                SELECT {corpus.Corpus.Name}, {table.Kind}, id::text, {batch.Partition}, {MaxAttempts},
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

    /// <summary>Gives up what the batch still holds, without charge.</summary>
    public Task Release(Claim claim, CancellationToken cancellation) => database.ExecuteAsync(ReleaseClaims(claim), cancellation);

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

    // SKIP LOCKED spreads workers that ask at the same moment; the key of embedding.claims decides who has the item.
    // An item whose worker vanished with it twice is taken alone, and no other such item beside it: if it is to blame, none of
    // them is charged with it. As text: tests/EmbeddingFunctions.Core.Tests/Sql/claim.approved.sql.
    internal static SqlText Statement(ResolvedCorpus corpus, EmbedBatch batch, Guid token)
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
                       {table.State} AS state, {table.Vector} IS NOT NULL AS has_vector, {Sql.When(!table.IsBeside, $"{selected}, ")}
                       {(isForced ? table.GeneratedAt : table.Moved ?? Sql.Of($"NULL::timestamptz"))} AS position
                FROM   {table.Target} t
                WHERE  {table.Partition} {table.IsPartition} {partition} {corpus.AndIsActive(table, partition)}
                AND    {table.DueIn(batch.RunId, batch.Scope, batch.ForceBefore)}{table.Selected(batch.Selection)}
                AND    {NotHeld(corpus, table)}
                AND    current_setting('embedding.has_turn') = 'true'
                AND    NOT EXISTS (SELECT FROM embedding.batches WHERE id = {batch.BatchId})
                AND    NOT EXISTS (SELECT FROM embedding.jobs WHERE id = {batch.RunId} AND cancel_requested_at IS NOT NULL)
                AND    {corpus.Corpus.LanesPerPartition} > ({Lanes(corpus, batch.Partition)})
                ORDER  BY {table.Order(batch.Scope)}
                LIMIT  {batch.Count}
                FOR    NO KEY UPDATE OF t SKIP LOCKED
            ),
            {Sql.When(table.IsBeside, $"{Read(table, selected)}")}
            judged AS (
                SELECT f.*, row_number() {place} AS place,
                       sum({Sql.Join(" + ", texts.Select(text => Sql.Of($"COALESCE(length(f.{text}), 0)")))}) {place} AS characters,
                       COALESCE(c.leased_until < now(), false) AS was_lost,
                       COALESCE(c.leased_until < now() AND c.attempts >= {MaxAttempts} - 1, false) AS is_suspect
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
                AND    (place = 1 OR characters <= {MaxCharactersOf(table)})
            ),
            claimed AS (
                INSERT INTO embedding.claims AS c (corpus, kind, item_id, partition, token, leased_until, version)
                SELECT {name}, {table.Kind}, item_id, {batch.Partition}, {token}, clock_timestamp() + {LeaseTime}, version
                FROM   chosen ORDER BY item_id
                ON CONFLICT (corpus, kind, item_id) DO UPDATE
                SET    token = EXCLUDED.token, leased_until = EXCLUDED.leased_until, partition = EXCLUDED.partition,
                       version = EXCLUDED.version, attempts = c.attempts + 1
                WHERE  (c.leased_until IS NULL OR c.leased_until < now())
                AND    (c.retry_at IS NULL OR c.retry_at <= now() OR c.version <> EXCLUDED.version)
                RETURNING c.item_id, c.attempts, c.content_hash, c.is_dead
            )
            SELECT ch.item_id, ch.version, ch.content_hash, ch.state, ch.has_vector, cl.attempts, cl.content_hash, cl.is_dead, ch.was_lost,
                   {Sql.Join(", ", texts.Select(text => Sql.Of($"ch.{text}")))}
            FROM   chosen ch
            JOIN   claimed cl USING (item_id)
            ORDER  BY ch.place
            """;
    }

    // The row of the companion is locked as it is now, the texts are those of the statement's beginning: an edit in between has counted the
    // version on, and the item is left to a later claim.
    private static SqlText Read(ResolvedTable table, SqlText selected) =>
        $"""
        read AS (
            SELECT f.*, {selected}
            FROM   found f
            JOIN   {table.Items} t ON {table.Id} {Sql.Is} f.id AND {table.Version} = f.version
        ),
        """;

    // A batch is its claims: those of a worker that vanished count until their lease is over.
    private static SqlText Lanes(ResolvedCorpus corpus, string partition) =>
        $"""
        SELECT count(DISTINCT token) FROM embedding.claims
            WHERE  corpus = {corpus.Corpus.Name} AND partition = {partition} AND leased_until > now()
        """;

    // Items that may be to blame for their workers' end, in flight: the attempt at hand is their last.
    private static SqlText SuspectInFlight(ResolvedCorpus corpus) =>
        $"""
        EXISTS (SELECT FROM embedding.claims WHERE corpus = {corpus.Corpus.Name} AND leased_until > now() AND attempts >= {MaxAttempts})
        """;

    private static ClaimedItem Item(NpgsqlDataReader row, int texts)
    {
        const int FirstText = 9;
        return new(
            row.GetString(0), (byte[])row.GetValue(1), row.Texts(FirstText, texts), row.Text(2), row.Text(3), row.GetBoolean(4),
            row.GetInt32(5), row.Text(6), row.GetBoolean(7), row.GetBoolean(8));
    }
}
