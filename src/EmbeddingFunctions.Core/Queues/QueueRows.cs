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
        SELECT table_name, embedding_column, status, count(*), EXISTS (SELECT FROM embedding_queue_targets t WHERE (t.table_name, t.embedding_column) = (q.table_name, q.embedding_column))
        FROM   embedding_queue q
        WHERE  $1 IS NULL OR EXISTS (SELECT FROM embedding_queue_targets t WHERE (t.table_name, t.embedding_column) = (q.table_name, q.embedding_column) AND t.corpus = $1)
        GROUP  BY table_name, embedding_column, status
        ORDER  BY table_name, embedding_column, status
        """;

    private const string FindRows =
        """
        SELECT COALESCE(t.kind, q.table_name), q.record_id::text, q.status, q.attempts, q.error_message, q.created_at::timestamptz, q.processed_at::timestamptz
        FROM   embedding_queue q
        LEFT   JOIN embedding_queue_targets t USING (table_name, embedding_column)
        WHERE  ($1 IS NULL OR t.corpus = $1) AND ($2 IS NULL OR q.status = $2)
        ORDER  BY q.created_at, q.id
        LIMIT  $3
        """;

    private readonly NpgsqlDataSource _database;
    private readonly BoundCorpora _corpora;
    private readonly CorpusSet _declared;

    internal QueueRows(NpgsqlDataSource database, BoundCorpora corpora, CorpusSet declared) => (_database, _corpora, _declared) = (database, corpora, declared);

    /// <summary>How many rows there are by what they ask for and how they stand, those included that no corpus grants.</summary>
    /// <param name="corpus">Only this corpus's, or null.</param>
    /// <param name="cancellation">Ends the asking.</param>
    /// <exception cref="CorpusException">No corpus with a queue was migrated.</exception>
    public async Task<IReadOnlyList<QueueCount>> Counts(string? corpus, CancellationToken cancellation)
    {
        await DemandQueue(corpus, cancellation);
        await using var command = Command(CountByStatus, corpus);
        return await Read(command, reader => new QueueCount(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3), reader.GetBoolean(4)), cancellation);
    }

    /// <summary>The oldest first.</summary>
    public async Task<IReadOnlyList<QueueRow>> List(string? corpus, string? status, int limit, CancellationToken cancellation)
    {
        await DemandQueue(corpus, cancellation);
        await using var command = Command(FindRows, corpus);
        command.Parameters.Add(Text(status));
        command.Parameters.Add(new() { Value = limit });
        return await Read(command, reader => new QueueRow(
            reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3), reader.IsDBNull(4) ? null : reader.GetString(4),
            reader.GetFieldValue<DateTimeOffset>(5), reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6)), cancellation);
    }

    /// <summary>Asks anew for what failed, with its content as it is.</summary>
    /// <param name="name">The corpus.</param>
    /// <param name="items">Kinds and ids; none: all.</param>
    /// <param name="reason">Only those whose error has these words in it, or null.</param>
    /// <param name="cancellation">Ends the asking.</param>
    /// <returns>How many.</returns>
    /// <exception cref="CorpusException">An item that was named has not failed.</exception>
    public Task<int> Retry(string name, IReadOnlyList<(string Kind, string Id)> items, string? reason, CancellationToken cancellation) =>
        OfEach(name, items, RetrySome, reason, "has not failed", cancellation);

    /// <summary>Asks for items anew, embedded or not, with their text as it is now.</summary>
    /// <param name="name">The corpus.</param>
    /// <param name="items">Kinds and ids; none: all.</param>
    /// <param name="cancellation">Ends the asking.</param>
    /// <returns>How many.</returns>
    /// <exception cref="CorpusException">An item that was named is not there.</exception>
    public Task<int> Requeue(string name, IReadOnlyList<(string Kind, string Id)> items, CancellationToken cancellation) =>
        OfEach(name, items, RequeueSome, null, "is not there, or has no text", cancellation);

    // Parameter 1 has ids, none for all; 2 words of the error; 3 the last id of those before.
    private static string RetrySome(BoundTable table) =>
        $"""
        WITH failed AS (
            SELECT q.record_id FROM embedding_queue q
            WHERE  {QueueShape.IsOf(table)} AND (q.status = 'failed' OR q.status = 'pending' AND q.error_message IS NOT NULL) AND (cardinality($1) = 0 OR q.record_id::text = ANY ($1))
            AND    ($2 IS NULL OR position(lower($2) IN lower(q.error_message)) > 0) AND (q.record_id > $3 OR $3 IS NULL)
            ORDER  BY q.record_id
            LIMIT  {AtATime}
            FOR    NO KEY UPDATE
        ),
        changed AS (
            UPDATE embedding_queue q SET status = 'pending', error_message = NULL FROM failed WHERE {QueueShape.IsOf(table)} AND q.record_id = failed.record_id
            RETURNING q.record_id
        )
        SELECT record_id::text FROM changed ORDER BY record_id
        """;

    private static string RequeueSome(BoundTable table) =>
        $"""
        WITH changed AS (
            INSERT INTO embedding_queue (table_name, record_id, content, embedding_column{QueueShape.OfOwner(table, ", user_id")})
            SELECT {Sql.Literal(table.DeclaredName)}, {table.Id}, text.content, {Sql.Literal(table.VectorColumn)}{QueueShape.OfOwner(table, ", t.user_id")}
            FROM   {table.Table} t
            CROSS  JOIN LATERAL (SELECT {TemplateFunction.Name(table.Found)}(t.*) AS content) text
            WHERE  (cardinality($1) = 0 OR {table.Id}::text = ANY ($1)) AND text.content ~ '\S'{table.Filter} AND $2 IS NULL AND ({table.Id} OPERATOR(pg_catalog.>) $3::{table.IdType} OR $3 IS NULL)
            ORDER  BY {table.Id}
            LIMIT  {AtATime}
            ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content = EXCLUDED.content{QueueShape.OfOwner(table, ", user_id = EXCLUDED.user_id")}, status = 'pending'
            RETURNING record_id::text
        )
        SELECT record_id FROM changed ORDER BY record_id::{table.IdType}
        """;

    // All of it some at a time, each for good, so that nobody waits long for their locks; what is named, all or nothing.
    private async Task<int> OfEach(
        string name, IReadOnlyList<(string Kind, string Id)> items, Func<BoundTable, string> some, string? reason, string problem, CancellationToken cancellation)
    {
        var corpus = await DemandQueue(name, cancellation);
        var tables = corpus!.Tables.Where(table => table.Queue != QueuedText.None && (items.Count == 0 || items.Any(item => item.Kind == table.Kind))).ToList();
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        await using var transaction = items.Count == 0 ? null : await connection.BeginTransactionAsync(cancellation);
        var changed = new HashSet<(string, string)>();
        foreach (var table in tables)
        {
            var ids = items.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToArray();
            List<string>? page = null;
            do
            {
                await using var command = new NpgsqlCommand(some(table), connection);
                command.Parameters.Add(new() { Value = ids, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
                command.Parameters.Add(Text(reason));
                command.Parameters.Add(new() { Value = (object?)page?[^1] ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Unknown });
                page = await Read(command, reader => reader.GetString(0), cancellation);
                changed.UnionWith(page.Select(id => (table.Kind, id)));
            }
            while (page.Count == AtATime);
        }

        if (items.Where(item => !changed.Contains(item)).ToList() is { Count: > 0 } unknown)
        {
            throw new CorpusException($"Of the queue of '{name}', {string.Join(", ", unknown.Select(item => $"{item.Kind}:{item.Id}"))} {problem}: nothing was changed. 'embeddings queue list {name}' has its rows.");
        }

        await (transaction?.CommitAsync(cancellation) ?? Task.CompletedTask);
        return changed.Count;
    }

    private async Task<BoundCorpus?> DemandQueue(string? name, CancellationToken cancellation)
    {
        if (name is not null)
        {
            var corpus = await _corpora.Get(name, cancellation);
            return corpus.Tables.Any(table => table.Queue != QueuedText.None) ? corpus
                : throw new CorpusException($"The corpus '{name}' has no queue: its declaration would say \"queue\": \"content\" or \"row\". 'embeddings failures' has what failed.");
        }

        var migrated = await _corpora.MigratedNames(cancellation);
        return _declared.All.Any(corpus => migrated.Contains(corpus.Name) && corpus.Tables.Any(table => table.Queue != QueuedText.None)) ? null
            : throw new CorpusException("The database was migrated for no corpus with a queue: run 'embeddings migrate sessions' or 'embeddings migrate summaries', or declare a \"queue\" first.");
    }

    private NpgsqlCommand Command(string sql, string? corpus)
    {
        var command = _database.CreateCommand(sql);
        command.Parameters.Add(Text(corpus));
        return command;
    }

    private static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

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
}

/// <param name="IsGranted">Whether a declared corpus embeds this column.</param>
public sealed record QueueCount(string TableName, string EmbeddingColumn, string Status, long Count, bool IsGranted);

/// <param name="Id">The item's, <c>record_id</c>.</param>
public sealed record QueueRow(string Kind, string Id, string Status, int Attempts, string? Error, DateTimeOffset CreatedAt, DateTimeOffset? ProcessedAt);
