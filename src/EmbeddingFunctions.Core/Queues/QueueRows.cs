using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Queues;

/// <summary>The rows of <c>embedding_queue</c>, for people: to list, to retry, to request again.</summary>
internal sealed class QueueRows
{
    private const int AtATime = 2_000;

    private static SqlText CountByStatus(string? corpus) =>
        $"""
        SELECT table_name, embedding_column, status, count(*), EXISTS (
            SELECT FROM embedding.queue_targets t WHERE (t.table_name, t.embedding_column) = (q.table_name, q.embedding_column))
        FROM   embedding_queue q
        WHERE  {corpus} IS NULL OR EXISTS (
            SELECT FROM embedding.queue_targets t
            WHERE  (t.table_name, t.embedding_column) = (q.table_name, q.embedding_column) AND t.corpus = {corpus})
        GROUP  BY table_name, embedding_column, status
        ORDER  BY table_name, embedding_column, status
        """;

    private static SqlText FindRows(string? corpus, string? status, int limit) =>
        $"""
        SELECT COALESCE(t.kind, q.table_name), q.record_id::text, q.status, q.attempts, q.error_message, q.created_at::timestamptz,
               q.processed_at::timestamptz
        FROM   embedding_queue q
        LEFT   JOIN embedding.queue_targets t USING (table_name, embedding_column)
        WHERE  ({corpus} IS NULL OR t.corpus = {corpus}) AND ({status} IS NULL OR q.status = {status})
        ORDER  BY q.created_at, q.id
        LIMIT  {limit}
        """;

    private readonly NpgsqlDataSource _database;
    private readonly ResolvedCorpora _corpora;
    private readonly CorpusSet _declared;

    public QueueRows(NpgsqlDataSource database, ResolvedCorpora corpora, CorpusSet declared) =>
        (_database, _corpora, _declared) = (database, corpora, declared);

    /// <summary>How many rows there are by what they ask for and how they stand, those included that no corpus grants.</summary>
    /// <param name="corpus">Only this corpus's, or null.</param>
    /// <param name="cancellation">Cancels the query.</param>
    /// <exception cref="DatabaseNotReadyException">No corpus with a queue was migrated.</exception>
    public async Task<IReadOnlyList<QueueCount>> Counts(string? corpus, CancellationToken cancellation)
    {
        await EnsureQueue(corpus, cancellation);
        return await _database.QueryAsync(
            CountByStatus(corpus),
            row => new QueueCount(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetBoolean(4)), cancellation);
    }

    /// <summary>The oldest first.</summary>
    public async Task<IReadOnlyList<QueueRow>> List(string? corpus, string? status, int limit, CancellationToken cancellation)
    {
        await EnsureQueue(corpus, cancellation);
        return await _database.QueryAsync(FindRows(corpus, status, limit), row => new QueueRow(
            row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt32(3), row.Text(4),
            row.GetFieldValue<DateTimeOffset>(5), row.GetFieldValue<DateTimeOffset?>(6)), cancellation);
    }

    /// <summary>Asks again for what failed, with its content as it is.</summary>
    /// <param name="name">The corpus.</param>
    /// <param name="items">Kinds and ids; none: all.</param>
    /// <param name="reason">Only those whose error has these words in it, or null.</param>
    /// <param name="cancellation">Cancels the query.</param>
    /// <exception cref="NotFoundException">An item that was named has not failed.</exception>
    public Task<AskedRows> Retry(
        string name, IReadOnlyList<(string Kind, string Id)> items, string? reason, CancellationToken cancellation) =>
        OfEach(name, items, new(FindFailed, RetrySome, "has not failed"), reason, cancellation);

    /// <summary>Asks for items again, embedded or not, with their text as it is now.</summary>
    /// <param name="name">The corpus.</param>
    /// <param name="items">Kinds and ids; none: all.</param>
    /// <param name="cancellation">Cancels the query.</param>
    /// <exception cref="NotFoundException">An item that was named is not there.</exception>
    public Task<AskedRows> Requeue(string name, IReadOnlyList<(string Kind, string Id)> items, CancellationToken cancellation) =>
        OfEach(
            name, items, new(FindItems, RequeueSome, "is not there, has no text, or is excluded by the declaration"), null, cancellation);

    internal static SqlText FindFailed(ResolvedTable table, string? reason, string? last)
    {
        var after = Id(last);
        return
            $"""
            SELECT q.record_id::text FROM embedding_queue q
            WHERE  {HasFailed(table)} AND {Says(reason)} AND (q.record_id > {after} OR {after} IS NULL)
            ORDER  BY q.record_id
            LIMIT  {AtATime}
            """;
    }

    internal static SqlText FindItems(ResolvedTable table, string? reason, string? last)
    {
        var after = Id(last);
        return
            $"""
            SELECT {table.Id}::text FROM {table.Table} t
            WHERE  {reason} IS NULL AND ({table.Id} OPERATOR(pg_catalog.>) {after}::{table.IdType} OR {after} IS NULL){table.Filter}
            ORDER  BY {table.Id}
            LIMIT  {AtATime}
            """;
    }

    internal static SqlText RetrySome(ResolvedTable table, string[] ids, string? reason, string? first, string? last)
    {
        var (from, to) = (Id(first), Id(last));
        return
            $"""
            UPDATE embedding_queue q SET status = 'pending', error_message = NULL
            WHERE  {HasFailed(table)} AND q.record_id::text = ANY ({ids}) AND {Says(reason)}
            AND    (q.record_id >= {from} OR {from} IS NULL) AND (q.record_id <= {to} OR {to} IS NULL)
            RETURNING q.record_id::text
            """;
    }

    internal static SqlText RequeueSome(ResolvedTable table, string[] ids, string? reason, string? first, string? last)
    {
        var (from, to) = (Id(first), Id(last));
        return
            $"""
            INSERT INTO embedding_queue (table_name, record_id, content, embedding_column{QueueSql.OfOwner(table, $", user_id")})
            SELECT {table.DeclaredName}, {table.Id}, text.content, {table.VectorColumn}{QueueSql.OfOwner(table, $", t.user_id")}
            FROM   {table.Table} t
            CROSS  JOIN LATERAL (SELECT {table.Rendered} AS content) text
            WHERE  {table.Id}::text = ANY ({ids}) AND text.content ~ '\S'{table.Filter} AND {reason} IS NULL
            AND    ({table.Id} OPERATOR(pg_catalog.>=) {from}::{table.IdType} OR {from} IS NULL)
            AND    ({table.Id} OPERATOR(pg_catalog.<=) {to}::{table.IdType} OR {to} IS NULL)
            ORDER  BY {table.Id}
            ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE
            SET    content = EXCLUDED.content{QueueSql.OfOwner(table, $", user_id = EXCLUDED.user_id")}, status = 'pending'
            RETURNING record_id::text
            """;
    }

    private static SqlText Says(string? reason) => $"({reason} IS NULL OR position(lower({reason}) IN lower(q.error_message)) > 0)";

    private static SqlText HasFailed(ResolvedTable table) =>
        $"{QueueSql.IsOf(table)} AND (q.status = 'failed' OR q.status = 'pending' AND q.error_message IS NOT NULL)";

    // An id of the table's own type.
    private static SqlValue Id(string? value) => Sql.Value(value, NpgsqlDbType.Unknown);

    // All rows in portions, each committed, so that no session waits long for their locks; named rows all or nothing.
    private async Task<AskedRows> OfEach(
        string name, IReadOnlyList<(string Kind, string Id)> items, Asking asking, string? reason, CancellationToken cancellation)
    {
        var corpus = await EnsureQueue(name, cancellation);
        var tables = corpus!.Tables.Where(table => table.Queue != QueuedText.None).ToList();
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        return items.Count == 0
            ? await All(connection, tables, asking, reason, cancellation)
            : await Named(connection, name, tables, items, asking, reason, cancellation);
    }

    private static async Task<AskedRows> All(
        NpgsqlConnection connection, IReadOnlyList<ResolvedTable> tables, Asking asking, string? reason, CancellationToken cancellation)
    {
        var (pending, refused) = (0, 0);
        foreach (var table in tables)
        {
            IReadOnlyList<string> page = [];
            do
            {
                var last = page.Count > 0 ? page[^1] : null;
                page = await connection.QueryAsync(asking.Find(table, reason, last), row => row.GetString(0), cancellation);
                var (changed, denied) = await BisectingWrite.Write(page, async ids => (await connection.QueryAsync(
                    asking.Some(table, [.. ids], reason, ids[0], ids[^1]), row => row.GetString(0), cancellation)).Count);
                (pending, refused) = (pending + changed, refused + denied);
            }
            while (page.Count == AtATime);
        }

        return new AskedRows(pending, refused);
    }

    private static async Task<AskedRows> Named(
        NpgsqlConnection connection, string name, IReadOnlyList<ResolvedTable> tables, IReadOnlyList<(string Kind, string Id)> items,
        Asking asking, string? reason,
        CancellationToken cancellation)
    {
        var changed = new HashSet<(string, string)>();
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        foreach (var table in tables)
        {
            var ids = items.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToArray();
            changed.UnionWith(await connection.QueryAsync(
                asking.Some(table, ids, reason, null, null), row => (table.Kind, row.GetString(0)), cancellation));
        }

        if (items.Where(item => !changed.Contains(item)).ToList() is { Count: > 0 } unknown)
        {
            throw new NotFoundException(
                $"Of the queue of '{name}', {string.Join(", ", unknown.Select(item => $"{item.Kind}:{item.Id}"))} {asking.Problem}: "
                    + $"nothing was changed. 'embeddings queue list {name}' has its rows.");
        }

        await transaction.CommitAsync(cancellation);
        return new AskedRows(changed.Count);
    }

    private async Task<ResolvedCorpus?> EnsureQueue(string? name, CancellationToken cancellation)
    {
        if (name is not null)
        {
            var corpus = await _corpora.Get(name, cancellation);
            return corpus.Tables.Any(table => table.Queue != QueuedText.None) ? corpus
                : throw new InvalidCorpusException(
                    $"The corpus '{name}' has no queue: its declaration would say \"queue\": \"content\" or \"row\". 'embeddings "
                        + "failures' has what failed.");
        }

        var migrated = await _corpora.MigratedNames(cancellation);
        return _declared.All.Any(corpus => migrated.Contains(corpus.Name) && corpus.Tables.Any(table => table.Queue != QueuedText.None))
            ? null
            : throw new DatabaseNotReadyException(
                "The database was migrated for no corpus with a queue: run 'embeddings migrate sessions' or 'embeddings migrate "
                    + "summaries', or declare a \"queue\" first.");
    }

    /// <param name="Find">A page of what to ask for: what has these words in its error, after the last id of the page before.</param>
    /// <param name="Some">
    /// Asks for what has these ids, and has these words in its error, and returns the ids; the first and the last are given if they are in
    /// their order.
    /// </param>
    /// <param name="Problem">Why a named item cannot be asked for.</param>
    private sealed record Asking(
        Func<ResolvedTable, string?, string?, SqlText> Find, Func<ResolvedTable, string[], string?, string?, string?, SqlText> Some,
        string Problem);
}

/// <param name="Pending">Rows that ask again.</param>
/// <param name="Refused">Rows that the database does not let be written, as a trigger of theirs may, or that are locked; they are as they
/// were.</param>
internal sealed record AskedRows(int Pending, int Refused = 0);

/// <param name="IsGranted">Whether a declared corpus embeds this column.</param>
internal sealed record QueueCount(string TableName, string EmbeddingColumn, string Status, long Count, bool IsGranted);

/// <param name="Id">The item's, <c>record_id</c>.</param>
internal sealed record QueueRow(
    string Kind, string Id, string Status, int Attempts, string? Error, DateTimeOffset CreatedAt, DateTimeOffset? ProcessedAt);
