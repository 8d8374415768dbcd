using System.Collections.Concurrent;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Queues;

/// <summary>
/// Takes what <c>embedding_queue</c> asks for: the items become pending, whatever they were, with all their attempts.
/// </summary>
internal sealed class QueueIntake(NpgsqlDataSource database, TimeProvider time, ILogger<QueueIntake> log)
{
    private const int AtATime = 200;

    private const int SettledAtATime = 1_000;

    private const int MostSettled = 100_000;

    private static readonly TimeSpan _settleEvery = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, long> _settled = new();

    /// <summary>
    /// Some at a time, before a page is planned; rows that are held or locked at this moment are left for the next: nothing here waits for
    /// a lock.
    /// </summary>
    /// <returns>Whether there may be more that can be taken at once.</returns>
    public async Task<bool> Take(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        var hasMore = false;
        foreach (var table in corpus.Tables.Where(table => table.Queue != QueuedText.None))
        {
            var closed = 0;
            var (asked, last) = await Asked(corpus.Corpus.Name, table, cancellation);
            var (settled, refused) = await BisectingWrite.Write(
                asked, async some =>
                {
                    var taken = (await database.QueryAsync(
                        Statement(corpus.Corpus.Name, table, [.. some], last), row => (Marked: row.GetInt32(0), Closed: row.GetInt32(1)),
                        cancellation)).Single();
                    closed += taken.Closed;
                    return taken.Marked + taken.Closed;
                },
                (record, e) => WriteFaults.IsLocked(e) ? Task.CompletedTask : Refuse(table, record, e, cancellation));
            hasMore |= asked.Count == AtATime && settled + refused > 0;
            if (closed + refused > 0)
            {
                log.QueueRequestsAreRefused(closed + refused, table.Kind, corpus.Corpus.Name);
            }
        }

        return hasMore;
    }

    // The oldest that no other transaction has, and when the last of them was asked for.
    private async Task<(IReadOnlyList<string> Records, string? Last)> Asked(
        string corpus, ResolvedTable table, CancellationToken cancellation)
    {
        var asked = await database.QueryAsync(
            $"""
            SELECT q.record_id::text, q.created_at::text FROM embedding_queue q
            WHERE  {IsAsked(corpus, table)}
            ORDER  BY q.created_at
            LIMIT  {AtATime}
            FOR    NO KEY UPDATE SKIP LOCKED
            """,
            row => (Record: row.GetString(0), CreatedAt: row.Text(1)), cancellation);
        return (asked.ConvertAll(row => row.Record), asked.LastOrDefault().CreatedAt);
    }

    private Task<int> Refuse(ResolvedTable table, string record, PostgresException e, CancellationToken cancellation)
    {
        var error = $"the database refused the row: {e.MessageText} ({e.SqlState})";
        return database.ExecuteAsync(
            $"""
            UPDATE embedding_queue q
            SET    status = 'failed', error_message = {error}, taken_at = clock_timestamp(), processed_at = clock_timestamp()
            WHERE  {QueueSql.IsOf(table)} AND q.record_id::text = {record} AND q.status = 'pending' AND q.taken_at IS NULL
            """,
            cancellation);
    }

    /// <summary>
    /// Puts right, once a minute, what rows of the queue say of items whose worker vanished, or that were written past the triggers.
    /// </summary>
    public async Task Settle(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        if (_settled.TryGetValue(corpus.Corpus.Name, out var last) && time.GetElapsedTime(last) < _settleEvery)
        {
            return;
        }

        foreach (var table in corpus.Tables.Where(table => table.Queue != QueuedText.None))
        {
            // Some in each transaction: their rows are locked until it ends.
            foreach (var some in (await Wrong(corpus.Corpus.Name, table, cancellation)).Chunk(SettledAtATime))
            {
                await database.ExecuteAsync($"SELECT {QueueSql.SettleFunction(table)}({some})", cancellation);
            }
        }

        _settled[corpus.Corpus.Name] = time.GetTimestamp();
    }

    // The whole queue is looked through, however long that takes.
    private Task<List<string>> Wrong(string corpus, ResolvedTable table, CancellationToken cancellation) =>
        database.QueryAsync(
            $"""
            SELECT q.key::text
            FROM  (SELECT q.status, q.taken_at, {QueueSql.Key(table)} AS key FROM embedding_queue q WHERE {QueueSql.IsOf(table)}) q
            LEFT   JOIN {table.Table} t ON {table.Id} {Sql.Is} q.key
            WHERE  q.key IS NOT NULL
            AND    CASE q.status
                   WHEN 'pending' THEN q.taken_at IS NOT NULL AND ({table.Id} IS NULL OR ({table.Pending}) IS NOT TRUE)
                   WHEN 'processing' THEN NOT EXISTS (
                       SELECT FROM embedding.claims c WHERE {ClaimOf(corpus, table, $"q.key")} AND c.leased_until > now())
                   WHEN 'completed' THEN {table.Id} IS NOT NULL AND {table.Pending}
                   ELSE false END
            LIMIT  {MostSettled}
            """,
            row => row.GetString(0), cancellation, Sql.NoTimeout);

    // When the last of the records was asked for is known: the index need not be read further.
    // Locks go from the queue to the item to the claim, none is waited for, and a row that cannot be locked at once keeps its request.
    internal static SqlText Statement(string corpus, ResolvedTable table, string[] records, string? last)
    {
        var until = Sql.Value(last, NpgsqlDbType.Unknown);
        return
            $"""
            WITH asked AS MATERIALIZED (
                SELECT q.record_id, q.content, {Owner(table, $"q")} AS owner, {QueueSql.Key(table)} AS key
                FROM   embedding_queue q
                WHERE  {IsAsked(corpus, table)} AND q.record_id::text = ANY ({records}) AND (q.created_at <= {until} OR {until} IS NULL)
                FOR    NO KEY UPDATE SKIP LOCKED
            ),
            items AS MATERIALIZED (
                SELECT {table.Id} AS key, {Owner(table, $"t")} AS owner
                FROM   {table.Table} t WHERE {table.Id} {Sql.Is} ANY (SELECT key FROM asked) FOR NO KEY UPDATE SKIP LOCKED
            ),
            claims AS MATERIALIZED (
                SELECT c.item_id, c.leased_until > now() AS is_held FROM embedding.claims c
                WHERE  c.corpus = {corpus} AND c.kind = {table.Kind} AND c.item_id IN (SELECT key::text FROM items)
                FOR    UPDATE SKIP LOCKED
            ),
            taken AS (
                SELECT a.record_id, a.key, a.content FROM asked a JOIN items ON items.key {Sql.Is} a.key
                LEFT   JOIN claims c ON c.item_id = a.key::text
                WHERE  c.is_held IS NOT TRUE AND a.owner IS NOT DISTINCT FROM items.owner
                AND    (c.item_id IS NOT NULL
                        OR NOT EXISTS (SELECT FROM embedding.claims o WHERE {ClaimOf(corpus, table, $"a.key", $"o")}))
            ),
            opened AS (
                UPDATE {table.Table} t
                SET    {table.Undecided}{Sql.When(
                    table.Queue == QueuedText.Content, $", {Sql.Identifier(table.Own.Content)} = taken.content")}
                FROM   taken
                WHERE  {table.Id} {Sql.Is} taken.key AND {Sql.MarkEngineWrite}{table.AndIsCurrent}
            ),
            forgotten AS (
                DELETE FROM embedding.claims c USING taken WHERE {ClaimOf(corpus, table, $"taken.key")}
            ),
            marked AS (
                UPDATE embedding_queue q SET taken_at = clock_timestamp()
                FROM   taken
                WHERE  {QueueSql.IsOf(table)} AND q.record_id = taken.record_id
                RETURNING q.record_id
            ),
            refused AS (
                SELECT a.record_id, 'there is no such row: it was deleted, or never was' AS reason
                FROM   asked a
                WHERE  NOT EXISTS (SELECT FROM {table.Table} t WHERE {table.Id} {Sql.Is} a.key)
                UNION  ALL
                SELECT a.record_id, CASE WHEN a.owner IS NULL THEN 'it is asked for without the user_id that the row has'
                                         ELSE 'it is asked for in another user''s name than the row''s' END
                FROM   asked a JOIN items ON items.key {Sql.Is} a.key
                WHERE  a.owner IS DISTINCT FROM items.owner
            ),
            closed AS (
                UPDATE embedding_queue q
                SET    status = 'failed', error_message = refused.reason, taken_at = clock_timestamp(), processed_at = clock_timestamp()
                FROM   refused
                WHERE  {QueueSql.IsOf(table)} AND q.record_id = refused.record_id
                RETURNING q.record_id
            )
            SELECT (SELECT count(*) FROM marked)::int, (SELECT count(*) FROM closed)::int
            """;
    }

    private static SqlText IsAsked(string corpus, ResolvedTable table) =>
        $"""
        {QueueSql.IsOf(table)} AND q.status = 'pending' AND q.taken_at IS NULL
        AND NOT EXISTS (SELECT FROM embedding.claims c WHERE {ClaimOf(corpus, table, QueueSql.Key(table))} AND c.leased_until > now())
        """;

    private static SqlText ClaimOf(string corpus, ResolvedTable table, SqlText key) => ClaimOf(corpus, table, key, $"c");

    private static SqlText ClaimOf(string corpus, ResolvedTable table, SqlText key, SqlText claim) =>
        $"{claim}.corpus = {corpus} AND {claim}.kind = {table.Kind} AND {claim}.item_id = ({key})::text";

    private static SqlText Owner(ResolvedTable table, SqlText row) =>
        QueueSql.HasOwner(table) ? Sql.Of($"{row}.user_id::text") : Sql.Of($"NULL::text");
}
