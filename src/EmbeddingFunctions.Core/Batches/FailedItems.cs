using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Batches;

/// <summary>Items that failed, for people: to look at, to have tried again, or to leave alone.</summary>
public sealed class FailedItems
{
    private const int AtATime = 1_000;

    // $1 corpus, $2 and $3 the kinds and ids, $4 words of the reason.
    private const string Chosen =
        """
        c.corpus = $1 AND c.reason IS NOT NULL
        AND   (cardinality($2) = 0 OR (c.kind, c.item_id) IN (SELECT * FROM unnest($2, $3)))
        AND   ($4 IS NULL OR position(lower($4) IN lower(c.reason)) > 0)
        """;

    private const string NotHeld = "(c.leased_until IS NULL OR c.leased_until < now())";

    private const string FindFailed =
        $"""
        SELECT c.kind, c.item_id, c.partition, c.reason, c.attempts, c.is_dead, c.failed_at, c.retry_at
        FROM   embedding_claims c
        WHERE  {Chosen}
        ORDER  BY c.failed_at DESC, c.kind, c.item_id
        LIMIT  $5
        """;

    private const string FindUnknown =
        """
        SELECT i.kind || ':' || i.item_id
        FROM   unnest($2, $3) AS i (kind, item_id)
        WHERE  NOT EXISTS (SELECT FROM embedding_claims c WHERE c.corpus = $1 AND c.kind = i.kind AND c.item_id = i.item_id AND c.reason IS
            NOT NULL)
        """;

    private readonly NpgsqlDataSource _database;
    private readonly BoundCorpora _corpora;

    internal FailedItems(NpgsqlDataSource database, BoundCorpora corpora) => (_database, _corpora) = (database, corpora);

    /// <summary>The last to fail first.</summary>
    public async Task<IReadOnlyList<FailedItem>> List(string corpus, int limit, CancellationToken cancellation)
    {
        await _corpora.Get(corpus, cancellation);
        await using var command = Command(FindFailed, corpus, new FailureChoice([]));
        command.Parameters.Add(new() { Value = limit });
        return await Read(command, reader => new FailedItem(
            reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetInt32(4), reader.GetBoolean(5),
            reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6),
            reader.IsDBNull(7) ? null : reader.GetFieldValue<DateTimeOffset>(7)),
            cancellation);
    }

    /// <summary>
    /// Gives items their three attempts again, the ignored too if they are named; those that a run holds at this moment are left to it.
    /// </summary>
    /// <exception cref="CorpusException">An item that was named has not failed.</exception>
    public async Task<RetriedItems> Retry(string name, FailureChoice choice, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        var ignored = await Ignored(corpus, choice, cancellation);
        var failed = choice with { Items = choice.Items.Except(ignored).ToList() };
        await DemandKnown(name, failed, cancellation);
        var (retried, refused) = (0, 0);
        foreach (var table in corpus.Tables)
        {
            var revived = ignored.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToList();
            var chosen = failed.Items.Count == 0 && choice.Items.Count > 0 ? [] : await Failed(name, table, failed, cancellation);
            foreach (var (statement, ids) in Statements(Revive(table), revived).Concat(Statements(Retry(name, table), chosen)))
            {
                var (written, denied) = await RowByRow.Write(ids, some => Execute(statement, some, cancellation));
                (retried, refused) = (retried + written, refused + denied);
            }
        }

        return new RetriedItems(retried, refused);

        static IEnumerable<(string, string[])> Statements(string sql, List<string> ids) => ids.Chunk(AtATime).Select(some => (sql, some));
    }

    /// <summary>
    /// Takes items out of the pending and the failed until their text changes; those that a run holds at this moment are left to it.
    /// </summary>
    /// <returns>How many, and how many were not because they were edited since they failed.</returns>
    /// <exception cref="CorpusException">An item that was named has not failed.</exception>
    public async Task<IgnoredItems> Ignore(string name, FailureChoice choice, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        await DemandKnown(name, choice, cancellation);
        var (ignored, edited, refused) = (0, 0, 0);
        foreach (var table in corpus.Tables)
        {
            var found = await Texts(name, table, choice, cancellation);
            var same = found.Where(item => item.Fingerprint == item.Failed).ToList();
            var (written, denied) = await RowByRow.Write(same, some => Ignore(corpus, table, some, cancellation));
            (ignored, edited, refused) = (ignored + written, edited + found.Count - written - denied, refused + denied);
        }

        return new IgnoredItems(ignored, edited, refused);
    }

    private async Task<List<(string Kind, string Id)>> Ignored(BoundCorpus corpus, FailureChoice choice, CancellationToken cancellation)
    {
        var ignored = new List<(string, string)>();
        foreach (var table in corpus.Tables.Where(table => choice.Items.Any(item => item.Kind == table.Kind)))
        {
            await using var command = _database.CreateCommand(
                $"SELECT {table.Id}::text FROM {table.Table} t WHERE {IsIgnored(table)} AND {table.Id}::text = ANY ($1)");
            command.Parameters.Add(new() { Value = choice.Items.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToArray() });
            ignored.AddRange(await Read(command, reader => (table.Kind, reader.GetString(0)), cancellation));
        }

        return ignored;
    }

    private async Task<List<string>> Failed(string corpus, BoundTable table, FailureChoice choice, CancellationToken cancellation)
    {
        await using var command = Command(
            $"SELECT c.item_id FROM embedding_claims c WHERE {Chosen} AND c.kind = {Sql.Literal(table.Kind)} AND {NotHeld}", corpus,
            choice);
        return await Read(command, reader => reader.GetString(0), cancellation);
    }

    private static string IsIgnored(BoundTable table) => $"{table.Hash} LIKE '{BoundTable.IgnoredMarks}'";

    // The parameter has ids.
    private static string Revive(BoundTable table) =>
        $"""
        WITH revived AS (
            UPDATE {table.Table} t SET {table.RuleName} = NULL, {table.HashName} = NULL
            WHERE  {table.Id} {Sql.Is} ANY ($1::{table.IdType}[]) AND {IsIgnored(table)} AND {VectorStore.OwnWrite}
            RETURNING 1
        )
        SELECT count(*)::int FROM revived
        """;

    // A dead item was taken out of the pending; forgetting its rule brings it back.
    private static string Retry(string corpus, BoundTable table) =>
        $"""
        WITH chosen AS (
            SELECT c.item_id FROM embedding_claims c
            WHERE  {IsOf(corpus, table)} AND c.item_id = ANY ($1) AND c.reason IS NOT NULL AND {NotHeld} AND {VectorStore.OwnWrite}
            FOR    UPDATE
        ),
        revived AS (
            UPDATE {table.Table} t SET {table.RuleName} = NULL FROM chosen c
            WHERE  {table.Id} {Sql.Is} c.item_id::{table.IdType} AND {table.Hash} = '{BoundTable.DeadMark}'
        ),
        forgotten AS (
            DELETE FROM embedding_claims c USING chosen
            WHERE  {IsOf(corpus, table)} AND c.item_id = chosen.item_id
            RETURNING 1
        )
        SELECT count(*)::int FROM forgotten
        """;

    private static string IsOf(string corpus, BoundTable table) =>
        $"c.corpus = {Sql.Literal(corpus)} AND c.kind = {Sql.Literal(table.Kind)}";

    private async Task<int> Execute(string sql, IReadOnlyList<string> ids, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(sql);
        command.Parameters.Add(new() { Value = ids.ToArray() });
        return (int)(await command.ExecuteScalarAsync(cancellation))!;
    }

    private async Task<List<FailedText>> Texts(string corpus, BoundTable table, FailureChoice choice, CancellationToken cancellation)
    {
        const int FirstText = 3;
        await using var command = Command(
            $"""
            SELECT c.item_id, {table.Version}, c.content_hash, {string.Join(", ", table.TextColumns)}
            FROM   embedding_claims c
            JOIN   {table.Table} t ON {table.Id} {Sql.Is} c.item_id::{table.IdType}
            WHERE  {Chosen} AND c.kind = {Sql.Literal(table.Kind)} AND {NotHeld}
            """, corpus, choice);
        return await Read(command, reader =>
        {
            var values = Enumerable.Range(FirstText, table.Template.Columns.Count)
                .Select(i => reader.IsDBNull(i) ? null : reader.GetString(i)).ToList();
            return new FailedText(
                reader.GetString(0), (byte[])reader.GetValue(1), reader.IsDBNull(2) ? null : reader.GetString(2),
                ItemText.Of(values, table).Hash);
        }, cancellation);
    }

    private static string Uncached(BoundTable table) =>
        $"""
        uncached AS (
            DELETE FROM similarity_cache s USING forgotten f WHERE s.item_type = {Sql.Literal(table.Kind)} AND s.item_id = f.item_id
        ),
        """;

    private async Task<int> Ignore(BoundCorpus corpus, BoundTable table, IReadOnlyList<FailedText> items, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(
            $"""
            WITH input AS (
                SELECT * FROM unnest($2::text[], $3::bytea[], $4::text[]) AS i (item_id, version, mark) WHERE {VectorStore.OwnWrite}
            ),
            forgotten AS (
                DELETE FROM embedding_claims c USING input i
                WHERE  c.corpus = $1 AND c.kind = {Sql.Literal(table.Kind)} AND c.item_id = i.item_id AND {NotHeld}
                RETURNING c.item_id
            ),
            {(corpus.Corpus.SimilarityCache ? Uncached(table) : "")}
            {ChunkWrite.Forget(table, "forgotten")}
            ignored AS (
                UPDATE {table.Table} t
                SET    {table.Unembedded}, {table.HashName} = i.mark
                FROM   input i JOIN forgotten USING (item_id)
                WHERE  {table.Id} {Sql.Is} i.item_id::{table.IdType} AND {table.Version} = i.version
                RETURNING 1
            )
            SELECT count(*) FROM ignored
            """);
        foreach (var value in new object[]
        {
            corpus.Corpus.Name, items.Select(item => item.Id).ToArray(), items.Select(item => item.Version).ToArray(),
            items.Select(item => BoundTable.IgnoredMark(item.Fingerprint)).ToArray(),
        })
        {
            command.Parameters.Add(new() { Value = value });
        }

        return Convert.ToInt32(await command.ExecuteScalarAsync(cancellation), null);
    }

    private async Task DemandKnown(string corpus, FailureChoice choice, CancellationToken cancellation)
    {
        await using var command = Command(FindUnknown, corpus, choice);
        var unknown = await Read(command, reader => reader.GetString(0), cancellation);
        if (unknown.Count > 0)
        {
            throw new CorpusException(
                $"Among the failed items of '{corpus}' there is no {string.Join(", ", unknown)}: 'embeddings failures list {corpus}' has "
                    + "them.");
        }
    }

    private NpgsqlCommand Command(string sql, string corpus, FailureChoice choice)
    {
        var command = _database.CreateCommand(sql);
        command.Parameters.Add(new() { Value = corpus });
        command.Parameters.Add(
            new() { Value = choice.Items.Select(item => item.Kind).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(
            new() { Value = choice.Items.Select(item => item.Id).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)choice.Reason ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        return command;
    }

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

    private sealed record FailedText(string Id, byte[] Version, string? Failed, string Fingerprint);
}
