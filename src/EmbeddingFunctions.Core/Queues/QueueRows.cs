using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Storage.Migrations;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Queues;

/// <summary>The rows of <c>embedding_queue</c>, for people: to look at, to have tried again, to ask for anew.</summary>
public sealed class QueueRows
{
    private const int AtATime = 2_000;

    private const string CountByStatus =
        """
        SELECT table_name, embedding_column, status, count(*), EXISTS (SELECT FROM embedding_queue_targets t WHERE (t.table_name,
            t.embedding_column) = (q.table_name, q.embedding_column))
        FROM   embedding_queue q
        WHERE  $1 IS NULL OR EXISTS (SELECT FROM embedding_queue_targets t WHERE (t.table_name, t.embedding_column) = (q.table_name,
            q.embedding_column) AND t.corpus = $1)
        GROUP  BY table_name, embedding_column, status
        ORDER  BY table_name, embedding_column, status
        """;

    private const string FindRows =
        """
        SELECT COALESCE(t.kind, q.table_name), q.record_id::text, q.status, q.attempts, q.error_message, q.created_at::timestamptz,
            q.processed_at::timestamptz
        FROM   embedding_queue q
        LEFT   JOIN embedding_queue_targets t USING (table_name, embedding_column)
        WHERE  ($1 IS NULL OR t.corpus = $1) AND ($2 IS NULL OR q.status = $2)
        ORDER  BY q.created_at, q.id
        LIMIT  $3
        """;

    private readonly NpgsqlDataSource _database;
    private readonly BoundCorpora _corpora;
    private readonly CorpusSet _declared;

    internal QueueRows(NpgsqlDataSource database, BoundCorpora corpora, CorpusSet declared) =>
        (_database, _corpora, _declared) = (database, corpora, declared);

    /// <summary>How many rows there are by what they ask for and how they stand, those included that no corpus grants.</summary>
    /// <param name="corpus">Only this corpus's, or null.</param>
    /// <param name="cancellation">Ends the asking.</param>
    /// <exception cref="CorpusException">No corpus with a queue was migrated.</exception>
    public async Task<IReadOnlyList<QueueCount>> Counts(string? corpus, CancellationToken cancellation)
    {
        await DemandQueue(corpus, cancellation);
        await using var command = Command(CountByStatus, corpus);
        return await Read(
            command,
            reader =>
                new QueueCount(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3), reader.GetBoolean(4)),
            cancellation);
    }

    /// <summary>The oldest first.</summary>
    public async Task<IReadOnlyList<QueueRow>> List(string? corpus, string? status, int limit, CancellationToken cancellation)
    {
        await DemandQueue(corpus, cancellation);
        await using var command = Command(FindRows, corpus);
        command.Parameters.Add(Text(status));
        command.Parameters.Add(new() { Value = limit });
        return await Read(command, reader => new QueueRow(
            reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3),
            reader.IsDBNull(4) ? null : reader.GetString(4),
            reader.GetFieldValue<DateTimeOffset>(5), reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6)), cancellation);
    }

    /// <summary>Asks again for what failed, with its content as it is.</summary>
    /// <param name="name">The corpus.</param>
    /// <param name="items">Kinds and ids; none: all.</param>
    /// <param name="reason">Only those whose error has these words in it, or null.</param>
    /// <param name="cancellation">Ends the asking.</param>
    /// <exception cref="CorpusException">An item that was named has not failed.</exception>
    public Task<AskedRows> Retry(
        string name, IReadOnlyList<(string Kind, string Id)> items, string? reason, CancellationToken cancellation) =>
        OfEach(name, items, new(FindFailed, RetrySome, "has not failed"), reason, cancellation);

    /// <summary>Asks for items again, embedded or not, with their text as it is now.</summary>
    /// <param name="name">The corpus.</param>
    /// <param name="items">Kinds and ids; none: all.</param>
    /// <param name="cancellation">Ends the asking.</param>
    /// <exception cref="CorpusException">An item that was named is not there.</exception>
    public Task<AskedRows> Requeue(string name, IReadOnlyList<(string Kind, string Id)> items, CancellationToken cancellation) =>
        OfEach(
            name, items, new(FindItems, RequeueSome, "is not there, has no text, or is excluded by the declaration"), null, cancellation);

    // Parameter 1 has words of the error, 2 the last id of those before.
    private static string FindFailed(BoundTable table) =>
        $"""
        SELECT q.record_id::text FROM embedding_queue q
        WHERE  {HasFailed(table)} AND ($1 IS NULL OR position(lower($1) IN lower(q.error_message)) > 0) AND (q.record_id > $2 OR $2 IS NULL)
        ORDER  BY q.record_id
        LIMIT  {AtATime}
        """;

    private static string FindItems(BoundTable table) =>
        $"""
        SELECT {table.Id}::text FROM {table.Table} t
        WHERE  $1 IS NULL AND ({table.Id} OPERATOR(pg_catalog.>) $2::{table.IdType} OR $2 IS NULL){table.Filter}
        ORDER  BY {table.Id}
        LIMIT  {AtATime}
        """;

    // Parameter 1 has ids, 2 words of the error, 3 and 4 the least and the greatest of the ids, if they come in their order.
    private static string RetrySome(BoundTable table) =>
        $"""
        UPDATE embedding_queue q SET status = 'pending', error_message = NULL
        WHERE  {HasFailed(table)} AND q.record_id::text = ANY ($1) AND ($2 IS NULL OR position(lower($2) IN lower(q.error_message)) > 0)
        AND    (q.record_id >= $3 OR $3 IS NULL) AND (q.record_id <= $4 OR $4 IS NULL)
        RETURNING q.record_id::text
        """;

    private static string RequeueSome(BoundTable table) =>
        $"""
        INSERT INTO embedding_queue (table_name, record_id, content, embedding_column{QueueShape.OfOwner(table, ", user_id")})
        SELECT {Sql.Literal(table.DeclaredName)}, {table.Id}, text.content,
            {Sql.Literal(table.VectorColumn)}{QueueShape.OfOwner(table, ", t.user_id")}
        FROM   {table.Table} t
        CROSS  JOIN LATERAL (SELECT {TemplateFunction.Name(table.Found)}(t.*) AS content) text
        WHERE  {table.Id}::text = ANY ($1) AND text.content ~ '\S'{table.Filter} AND $2 IS NULL
        AND    ({table.Id} OPERATOR(pg_catalog.>=) $3::{table.IdType} OR $3 IS NULL) AND ({table.Id} OPERATOR(pg_catalog.<=)
            $4::{table.IdType} OR $4 IS NULL)
        ORDER  BY {table.Id}
        ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content =
            EXCLUDED.content{QueueShape.OfOwner(table, ", user_id = EXCLUDED.user_id")}, status = 'pending'
        RETURNING record_id::text
        """;

    private static string HasFailed(BoundTable table) =>
        $"{QueueShape.IsOf(table)} AND (q.status = 'failed' OR q.status = 'pending' AND q.error_message IS NOT NULL)";

    // All of it some at a time, each for good, so that nobody waits long for their locks; what is named, all or nothing.
    private async Task<AskedRows> OfEach(
        string name, IReadOnlyList<(string Kind, string Id)> items, Asking asking, string? reason, CancellationToken cancellation)
    {
        var corpus = await DemandQueue(name, cancellation);
        var tables = corpus!.Tables.Where(table => table.Queue != QueuedText.None).ToList();
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        return items.Count == 0
            ? await All(connection, tables, asking, reason, cancellation)
            : await Named(connection, name, tables, items, asking, reason, cancellation);
    }

    private static async Task<AskedRows> All(
        NpgsqlConnection connection, IReadOnlyList<BoundTable> tables, Asking asking, string? reason, CancellationToken cancellation)
    {
        var (pending, refused) = (0, 0);
        foreach (var table in tables)
        {
            IReadOnlyList<string> page = [];
            do
            {
                await using var find = new NpgsqlCommand(asking.Find(table), connection);
                find.Parameters.Add(Text(reason));
                find.Parameters.Add(Id(page.Count > 0 ? page[^1] : null));
                page = await Read(find, reader => reader.GetString(0), cancellation);
                var (changed, denied) = await RowByRow.Write(
                    page, async ids => (await Ask(connection, asking.Some(table), ids, reason, areOrdered: true, cancellation)).Count);
                (pending, refused) = (pending + changed, refused + denied);
            }
            while (page.Count == AtATime);
        }

        return new AskedRows(pending, refused);
    }

    private static async Task<AskedRows> Named(
        NpgsqlConnection connection, string name, IReadOnlyList<BoundTable> tables, IReadOnlyList<(string Kind, string Id)> items,
        Asking asking, string? reason,
        CancellationToken cancellation)
    {
        var changed = new HashSet<(string, string)>();
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        foreach (var table in tables)
        {
            var ids = items.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToList();
            changed.UnionWith(
                (await Ask(connection, asking.Some(table), ids, reason, areOrdered: false, cancellation)).Select(id => (table.Kind, id)));
        }

        if (items.Where(item => !changed.Contains(item)).ToList() is { Count: > 0 } unknown)
        {
            throw new CorpusException(
                $"Of the queue of '{name}', {string.Join(", ", unknown.Select(item => $"{item.Kind}:{item.Id}"))} {asking.Problem}: "
                    + $"nothing was changed. 'embeddings queue list {name}' has its rows.");
        }

        await transaction.CommitAsync(cancellation);
        return new AskedRows(changed.Count);
    }

    private static async Task<List<string>> Ask(
        NpgsqlConnection connection, string sql, IReadOnlyList<string> ids, string? reason, bool areOrdered, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new() { Value = ids.ToArray() });
        command.Parameters.Add(Text(reason));
        command.Parameters.Add(Id(areOrdered ? ids[0] : null));
        command.Parameters.Add(Id(areOrdered ? ids[^1] : null));
        return await Read(command, reader => reader.GetString(0), cancellation);
    }

    private static NpgsqlParameter Id(string? value) =>
        new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Unknown };

    private async Task<BoundCorpus?> DemandQueue(string? name, CancellationToken cancellation)
    {
        if (name is not null)
        {
            var corpus = await _corpora.Get(name, cancellation);
            return corpus.Tables.Any(table => table.Queue != QueuedText.None) ? corpus
                : throw new CorpusException(
                    $"The corpus '{name}' has no queue: its declaration would say \"queue\": \"content\" or \"row\". 'embeddings "
                        + "failures' has what failed.");
        }

        var migrated = await _corpora.MigratedNames(cancellation);
        return _declared.All.Any(corpus => migrated.Contains(corpus.Name) && corpus.Tables.Any(table => table.Queue != QueuedText.None))
            ? null
            : throw new CorpusException(
                "The database was migrated for no corpus with a queue: run 'embeddings migrate sessions' or 'embeddings migrate "
                    + "summaries', or declare a \"queue\" first.");
    }

    private NpgsqlCommand Command(string sql, string? corpus)
    {
        var command = _database.CreateCommand(sql);
        command.Parameters.Add(Text(corpus));
        return command;
    }

    private static NpgsqlParameter Text(string? value) =>
        new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static async Task<List<T>> Read<T>(NpgsqlCommand command, Func<NpgsqlDataReader, T> row, CancellationToken cancellation)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellation))
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    /// <param name="Find">A page of what to ask for.</param>
    /// <param name="Some">Asks for what has these ids, and returns them.</param>
    /// <param name="Problem">Why a named item cannot be asked for.</param>
    private sealed record Asking(Func<BoundTable, string> Find, Func<BoundTable, string> Some, string Problem);
}

/// <param name="Pending">Rows that ask again.</param>
/// <param name="Refused">Rows that the database does not let be written, as a trigger of theirs may, or that are locked; they are as they
/// were.</param>
public sealed record AskedRows(int Pending, int Refused = 0);

/// <param name="IsGranted">Whether a declared corpus embeds this column.</param>
public sealed record QueueCount(string TableName, string EmbeddingColumn, string Status, long Count, bool IsGranted);

/// <param name="Id">The item's, <c>record_id</c>.</param>
public sealed record QueueRow(
    string Kind, string Id, string Status, int Attempts, string? Error, DateTimeOffset CreatedAt, DateTimeOffset? ProcessedAt);
