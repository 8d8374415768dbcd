using System.Collections.Concurrent;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Claims: the leased right to embed an item, by the database's clock, one statement each.</summary>
internal sealed class ClaimStore(NpgsqlDataSource database)
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

    /// <summary>How long a claim holds unless it is renewed.</summary>
    public static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(30);

    private const string RenewClaims =
        """
        UPDATE embedding_claims
        SET    leased_until = clock_timestamp() + $2
        WHERE  token = $1
        """;

    // Gives the attempt back. A row is kept only for the failures it remembers.
    private const string ReleaseClaims =
        """
        WITH forgotten AS (
            DELETE FROM embedding_claims
            WHERE  token = $1 AND attempts <= 1 AND reason IS NULL
        )
        UPDATE embedding_claims
        SET    token = NULL, leased_until = NULL, attempts = attempts - 1
        WHERE  token = $1 AND NOT (attempts <= 1 AND reason IS NULL)
        """;

    // Claims of one partition are taken one after the other, so that each sees how many batches there are, and none waits
    // for another's rows; and those of a whole corpus while there are items that may be to blame for their workers' end, of which one is in
    // flight at a time. A batch that does not get the turn does not wait for it on a connection. The turn is let go with the claim.
    private const string TakeTurn =
        """
        SELECT pg_catalog.set_config('embedding.has_turn', (
            pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('embedding lanes of ' || $1 || ' ' || $2, 0))
            AND CASE WHEN EXISTS (SELECT FROM embedding_claims WHERE corpus = $1 AND leased_until < now() AND attempts >= $3 - 1)
                     THEN pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('embedding suspects of ' || $1, 0)) ELSE true
                         END)::text, true)
        """;

    private readonly ConcurrentDictionary<(BoundTable, PendingScope, string), string> _statements = new();
    private readonly ConcurrentDictionary<(string, string), SemaphoreSlim> _turns = new();

    /// <summary>
    /// Claims and loads the next items, newest first; an attempt is charged now, so that an item that ends its worker runs out of them.
    /// For a batch that is recorded already there are none: a repeated order must not become a second batch.
    /// There are none either while the partition has all the batches in flight that it may, of whatever run and process,
    /// nor for a run that is to be cancelled, nor while another process is just claiming of the partition.
    /// </summary>
    public async Task<Claim> Take(BoundCorpus corpus, EmbedBatch batch, CancellationToken cancellation)
    {
        var table = corpus.TableOf(batch.Kind);
        var token = Guid.CreateVersion7();
        var key = (table, batch.Scope, table.Selected(batch.Selection, "$11"));
        var sql = _statements.GetOrAdd(key, _ => Statement(corpus, key.Item1, key.Item2, key.Item3));
        await using var statements = database.CreateBatch();
        statements.BatchCommands.Add(Statement(TakeTurn, corpus.Corpus.Name, batch.Partition, MaxAttempts));
        var claim = Statement(
            sql, corpus.Corpus.Name, table.Kind, batch.Partition, batch.Count, token, LeaseTime, MaxAttempts, batch.BatchId,
            corpus.Corpus.LanesPerPartition, batch.RunId,
            Selection.Values(batch.Selection));
        if (batch.ForceBefore is { } before)
        {
            claim.Parameters.Add(new() { Value = before });
        }

        statements.BatchCommands.Add(claim);
        // Of this process one claims at a time, so that the others' connections are free.
        var turn = _turns.GetOrAdd((corpus.Corpus.Name, batch.Partition), _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(cancellation);
        try
        {
            var (hadTurn, items) = await Read(statements, table.Template.Columns.Count, cancellation);
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
    public async Task<bool> HasFreeLane(BoundCorpus corpus, string partition, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand($"SELECT $2 > ({Lanes("$1", "$3")}) AND NOT {SuspectInFlight("$1", "$4")}");
        foreach (var value in new object[] { corpus.Corpus.Name, corpus.Corpus.LanesPerPartition, partition, MaxAttempts })
        {
            command.Parameters.Add(new() { Value = value });
        }

        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    /// <summary><see cref="MaxCharacters"/>, or of texts that are embedded in small chunks as many as make some thousand chunks.</summary>
    public static int MaxCharactersOf(BoundTable table) => table.Chunks is not { } chunks ? MaxCharacters
        : (int)Math.Min(MaxCharacters, (long)MaxChunks * CharactersPerToken * (chunks.MaxTokens - chunks.OverlapTokens));

    public Task Renew(Claim claim, CancellationToken cancellation) => Execute(RenewClaims, cancellation, claim.Token, LeaseTime);

    /// <summary>
    /// Has items fail that a policy lets this role see and not change: no statement can lock them, and no run would ever be done with them.
    /// To be
    /// asked when a claim found none of the items that were planned.
    /// </summary>
    public async Task RefuseUnwritable(BoundCorpus corpus, EmbedBatch batch, CancellationToken cancellation)
    {
        var table = corpus.TableOf(batch.Kind);
        await using var command = database.CreateCommand(Unwritable(table, batch.Scope, table.Selected(batch.Selection, "$7")));
        foreach (
            var value in new object[]
            {
                corpus.Corpus.Name,
                table.Kind,
                batch.Partition,
                batch.Count,
                batch.BatchId,
                batch.RunId,
                Selection.Values(batch.Selection)
            })
        {
            command.Parameters.Add(new() { Value = value });
        }

        if (batch.ForceBefore is { } before)
        {
            command.Parameters.Add(new() { Value = before });
        }

        try
        {
            await command.ExecuteNonQueryAsync(cancellation);
        }
        catch (PostgresException e) when (WriteFaults.IsLocked(e))
        {
            // Another has one of them: it is asked again with the next batch.
        }
    }

    // With NOWAIT a row that another has is an error: those that are then missing are kept back by a policy.
    private static string Unwritable(BoundTable table, PendingScope scope, string selected) =>
        $"""
        WITH seen AS MATERIALIZED (
            SELECT {table.Id} AS id FROM {table.Table} t
            WHERE  pg_catalog.row_security_active({Sql.Literal(table.Table)}::pg_catalog.regclass)
            AND    {table.Partition} {table.IsPartition} $3::{table.PartitionType} AND {table.Due(scope, "$8")}{selected} AND
                {NotHeld(table)}
            ORDER  BY {table.Order(scope)} LIMIT $4
        ),
        writable AS MATERIALIZED (
            SELECT {table.Id} AS id FROM {table.Table} t WHERE {table.Id} {Sql.Is} ANY (SELECT id FROM seen) FOR NO KEY UPDATE OF t NOWAIT
        ),
        failed AS (
            INSERT INTO embedding_claims AS c (corpus, kind, item_id, partition, attempts, reason, failed_at, retry_at)
            SELECT $1, $2, id::text, $3, {MaxAttempts}, 'a policy of row security lets this role see the row and not change it', now(),
                now() + interval '1 hour'
            FROM   seen WHERE NOT EXISTS (SELECT FROM writable w WHERE w.id {Sql.Is} seen.id)
            ON CONFLICT (corpus, kind, item_id) DO UPDATE
            SET    attempts = EXCLUDED.attempts, reason = EXCLUDED.reason, failed_at = EXCLUDED.failed_at, retry_at = EXCLUDED.retry_at
            WHERE  c.leased_until IS NULL AND (c.retry_at IS NULL OR c.retry_at <= now())
            RETURNING item_id
        )
        INSERT INTO embedding_batches AS b (id, run_id, kind, partition, claimed, failed)
        SELECT $5, $6, $2, $3, count(*), count(*) FROM failed HAVING count(*) > 0
        ON CONFLICT (id) DO NOTHING
        """;

    /// <summary>Gives up what the batch still holds, without charge.</summary>
    public Task Release(Claim claim, CancellationToken cancellation) => Execute(ReleaseClaims, cancellation, claim.Token);

    /// <summary>The condition that keeps items out which somebody holds or which wait after a failure; <c>t</c> is the row.</summary>
    /// <remarks>OFFSET 0 makes it a look-up by key for each row: the table comes and goes too fast for statistics, which would have it
    /// joined as if it were empty.</remarks>
    public static string NotHeld(BoundTable table) =>
        $"""
        NOT EXISTS (
            SELECT FROM embedding_claims c
            WHERE  c.corpus = $1 AND c.kind = $2 AND c.item_id = {table.Id}::text
            AND    (c.leased_until > now() OR c.retry_at > now() AND COALESCE(c.version = {table.Version}, true))
            OFFSET 0)
        """;

    // SKIP LOCKED spreads workers that ask at the same moment; the key of embedding_claims decides who has the item.
    // An item whose worker vanished with it twice is taken alone, and no other such item beside it: if it is to blame, none of
    // them is charged with it.
    private static string Statement(BoundCorpus corpus, BoundTable table, PendingScope scope, string selected)
    {
        var forced = scope == PendingScope.Forced;
        var active = corpus.ActivePartitions is null
            ? ""
            : $"AND $3::{table.PartitionType} {table.IsPartition} ANY ({corpus.ActivePartitions})";
        return
            $"""
            WITH found AS (
                SELECT {table.Id} AS id, {table.Id}::text AS item_id, {table.Version} AS version, {table.Hash} AS content_hash,
                    {table.Vector} IS NOT NULL AS has_vector,
                       {string.Join(", ", table.TextColumns.Select((column, i) => $"{column} AS text_{i}"))},
                       {(forced ? table.GeneratedAt : table.Moved ?? "NULL::timestamptz")} AS position
                FROM   {table.Table} t
                WHERE  {table.Partition} {table.IsPartition} $3::{table.PartitionType} {active}
                AND    {table.Due(scope, "$12")}{(forced ? "" : table.NotSettledBy("$10"))}{selected}
                AND    {NotHeld(table)}
                AND    current_setting('embedding.has_turn') = 'true'
                AND    NOT EXISTS (SELECT FROM embedding_batches WHERE id = $8)
                AND    NOT EXISTS (SELECT FROM embedding_jobs WHERE id = $10 AND cancel_requested_at IS NOT NULL)
                AND    $9 > ({Lanes("$1", "$3")})
                ORDER  BY {table.Order(scope)}
                LIMIT  $4
                FOR    NO KEY UPDATE OF t SKIP LOCKED
            ),
            judged AS (
                SELECT f.*, row_number() OVER (ORDER BY f.position {(forced ? "" : "DESC")}, f.id) AS place,
                       sum({Length(table)}) OVER (ORDER BY f.position {(forced ? "" : "DESC")}, f.id) AS characters,
                       COALESCE(c.leased_until < now(), false) AS was_lost,
                       COALESCE(c.leased_until < now() AND c.attempts >= $7 - 1, false) AS is_suspect
                FROM   found f
                LEFT   JOIN LATERAL (
                    SELECT leased_until, attempts FROM embedding_claims WHERE corpus = $1 AND kind = $2 AND item_id = f.item_id OFFSET 0
                ) c ON true
            ),
            chosen AS (
                SELECT * FROM judged
                WHERE  CASE WHEN (SELECT is_suspect AND NOT {SuspectInFlight("$1", "$7")} FROM judged WHERE place = 1) THEN place = 1 ELSE
                    NOT is_suspect END
                AND    (place = 1 OR characters <= {MaxCharactersOf(table)})
            ),
            claimed AS (
                INSERT INTO embedding_claims AS c (corpus, kind, item_id, partition, token, leased_until, version)
                SELECT $1, $2, item_id, $3, $5, clock_timestamp() + $6, version FROM chosen ORDER BY item_id
                ON CONFLICT (corpus, kind, item_id) DO UPDATE
                SET    token = EXCLUDED.token, leased_until = EXCLUDED.leased_until, partition = EXCLUDED.partition, version =
                    EXCLUDED.version, attempts = c.attempts + 1
                WHERE  (c.leased_until IS NULL OR c.leased_until < now()) AND (c.retry_at IS NULL OR c.retry_at <= now() OR c.version <>
                    EXCLUDED.version)
                RETURNING c.item_id, c.attempts, c.content_hash, c.is_dead
            )
            SELECT ch.item_id, ch.version, ch.content_hash, ch.has_vector, cl.attempts, cl.content_hash, cl.is_dead, ch.was_lost,
                   {string.Join(", ", table.Template.Columns.Select((_, i) => $"ch.text_{i}"))}
            FROM   chosen ch
            JOIN   claimed cl USING (item_id)
            ORDER  BY ch.place
            """;
    }

    private static string Length(BoundTable table) =>
        string.Join(" + ", table.Template.Columns.Select((_, i) => $"COALESCE(length(f.text_{i}), 0)"));

    // A batch is its claims: those of a worker that vanished count until their lease is over.
    private static string Lanes(string corpus, string partition) =>
        $"""
        SELECT count(DISTINCT token) FROM embedding_claims
        WHERE  corpus = {corpus} AND partition = {partition} AND leased_until > now()
        """;

    // Items that may be to blame for their workers' end, in flight: the attempt at hand is their last.
    private static string SuspectInFlight(string corpus, string maxAttempts) =>
        $"EXISTS (SELECT FROM embedding_claims WHERE corpus = {corpus} AND leased_until > now() AND attempts >= {maxAttempts})";

    private static NpgsqlBatchCommand Statement(string sql, params object[] values)
    {
        var statement = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            statement.Parameters.Add(new() { Value = value });
        }

        return statement;
    }

    private static async Task<(bool HadTurn, List<ClaimedItem> Items)> Read(
        NpgsqlBatch statements, int columns, CancellationToken cancellation)
    {
        const int FirstText = 8;
        var items = new List<ClaimedItem>();
        await using var reader = await statements.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var hadTurn = reader.GetString(0) == "true";
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            string? Text(int i) => reader.IsDBNull(i) ? null : reader.GetString(i);
            items.Add(new ClaimedItem(
                reader.GetString(0), (byte[])reader.GetValue(1), Enumerable.Range(FirstText, columns).Select(Text).ToList(),
                Text(2), reader.GetBoolean(3), reader.GetInt32(4), Text(5), reader.GetBoolean(6), reader.GetBoolean(7)));
        }

        return (hadTurn, items);
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
