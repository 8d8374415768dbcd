using System.Collections.Concurrent;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Claims: the leased right to embed an item, by the database's clock, one statement each.</summary>
internal sealed class ClaimStore(NpgsqlDataSource database)
{
    public const int MaxAttempts = 3;

    /// <summary>A batch holds more than its first item only while their texts together are no longer: they, and the vectors of their chunks, must fit into memory.</summary>
    public const int MaxCharacters = 4_000_000;

    private static readonly TimeSpan _lease = TimeSpan.FromSeconds(30);

    private const string RenewClaims =
        """
        UPDATE embedding_claims
        SET    leased_until = now() + $2
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
    // for another's rows; the lock is let go with the claim.
    private const string TakeTurn = "SELECT pg_advisory_xact_lock(hashtextextended('embedding lanes of ' || $1 || ' ' || $2, 0))";

    // And of a whole corpus, while there are items that may be to blame for their workers' end: one of them is in flight at a time.
    private const string TakeTurnOfSuspects =
        """
        SELECT pg_advisory_xact_lock(hashtextextended('embedding suspects of ' || $1, 0))
        WHERE  EXISTS (SELECT FROM embedding_claims WHERE corpus = $1 AND leased_until < now() AND attempts >= $2 - 1)
        """;

    private readonly ConcurrentDictionary<(BoundTable, PendingScope, string), string> _statements = new();

    /// <summary>
    /// Claims and loads the next items, newest first; an attempt is charged now, so that an item that ends its worker runs out of them.
    /// For a batch that is recorded already there are none: a repeated order must not become a second batch.
    /// There are none either while the partition has all the batches in flight that it may, of whatever run and process,
    /// nor for a run that is to be cancelled.
    /// </summary>
    public async Task<Claim> Take(BoundCorpus corpus, EmbedBatch batch, CancellationToken cancellation)
    {
        var table = corpus.TableOf(batch.Kind);
        var token = Guid.CreateVersion7();
        var key = (table, batch.Scope, table.Selected(batch.Selection, "$11"));
        var sql = _statements.GetOrAdd(key, _ => Statement(corpus, key.Item1, key.Item2, key.Item3));
        await using var statements = database.CreateBatch();
        statements.BatchCommands.Add(Statement(TakeTurn, corpus.Corpus.Name, batch.Partition));
        statements.BatchCommands.Add(Statement(TakeTurnOfSuspects, corpus.Corpus.Name, MaxAttempts));
        var claim = Statement(
            sql, corpus.Corpus.Name, table.Kind, batch.Partition, batch.Count, token, _lease, MaxAttempts, batch.BatchId, corpus.Corpus.LanesPerPartition, batch.RunId,
            Selection.Values(batch.Selection));
        if (batch.ForceBefore is { } before)
        {
            claim.Parameters.Add(new() { Value = before });
        }

        statements.BatchCommands.Add(claim);
        var items = await Read(statements, table.Template.Columns.Count, cancellation);
        return new Claim(corpus, table, batch.RunId, batch.Partition, token, items, IsForced: batch.ForceBefore is not null);
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

    public Task Renew(Claim claim, CancellationToken cancellation) => Execute(RenewClaims, cancellation, claim.Token, _lease);

    /// <summary>Gives up what the batch still holds, without charge.</summary>
    public Task Release(Claim claim, CancellationToken cancellation) => Execute(ReleaseClaims, cancellation, claim.Token);

    /// <summary>The condition that keeps items out which somebody holds or which wait after a failure; <c>t</c> is the row.</summary>
    /// <remarks>OFFSET 0 makes it a look-up by key for each row: the table comes and goes too fast for statistics, which would have it joined as if it were empty.</remarks>
    public static string NotHeld(BoundTable table) =>
        $"""
        NOT EXISTS (
            SELECT FROM embedding_claims c
            WHERE  c.corpus = $1 AND c.kind = $2 AND c.item_id = {table.Id}::text
            AND    (c.leased_until > now() OR c.retry_at > now())
            OFFSET 0)
        """;

    // SKIP LOCKED spreads workers that ask at the same moment; the key of embedding_claims decides who has the item.
    // An item whose worker vanished with it twice is taken alone, and no other such item beside it: if it is to blame, none of
    // them is charged with it.
    private static string Statement(BoundCorpus corpus, BoundTable table, PendingScope scope, string selected)
    {
        var forced = scope == PendingScope.Forced;
        var active = corpus.ActivePartitions is null ? "" : $"AND $3::{table.PartitionType} IN ({corpus.ActivePartitions})";
        return
            $"""
            WITH found AS (
                SELECT {table.Id} AS id, {table.Id}::text AS item_id, {table.Version} AS version, t.content_hash, {table.Vector} IS NOT NULL AS has_vector,
                       {string.Join(", ", table.TextColumns.Select((column, i) => $"{column} AS text_{i}"))},
                       {(forced ? table.GeneratedAt : table.Moved ?? "NULL::timestamptz")} AS position
                FROM   {table.Table} t
                WHERE  {table.Partition} = $3::{table.PartitionType} {active}
                AND    {table.Due(scope, "$12")}{selected}
                AND    {NotHeld(table)}
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
                WHERE  CASE WHEN (SELECT is_suspect AND NOT {SuspectInFlight("$1", "$7")} FROM judged WHERE place = 1) THEN place = 1 ELSE NOT is_suspect END
                AND    (place = 1 OR characters <= {MaxCharacters})
            ),
            claimed AS (
                INSERT INTO embedding_claims AS c (corpus, kind, item_id, partition, token, leased_until)
                SELECT $1, $2, item_id, $3, $5, now() + $6 FROM chosen ORDER BY item_id
                ON CONFLICT (corpus, kind, item_id) DO UPDATE
                SET    token = EXCLUDED.token, leased_until = EXCLUDED.leased_until, partition = EXCLUDED.partition, attempts = c.attempts + 1
                WHERE  (c.leased_until IS NULL OR c.leased_until < now()) AND (c.retry_at IS NULL OR c.retry_at <= now())
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

    private static async Task<List<ClaimedItem>> Read(NpgsqlBatch statements, int columns, CancellationToken cancellation)
    {
        const int FirstText = 8;
        var items = new List<ClaimedItem>();
        await using var reader = await statements.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            string? Text(int i) => reader.IsDBNull(i) ? null : reader.GetString(i);
            items.Add(new ClaimedItem(
                reader.GetString(0), (byte[])reader.GetValue(1), Enumerable.Range(FirstText, columns).Select(Text).ToList(),
                Text(2), reader.GetBoolean(3), reader.GetInt32(4), Text(5), reader.GetBoolean(6), reader.GetBoolean(7)));
        }

        return items;
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
