using System.Globalization;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Batches;

/// <summary>Items that failed, for people: to look at, to have tried again, or to leave alone.</summary>
public sealed class FailedItems
{
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
        WHERE  NOT EXISTS (SELECT FROM embedding_claims c WHERE c.corpus = $1 AND c.kind = i.kind AND c.item_id = i.item_id AND c.reason IS NOT NULL)
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
            reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6), reader.IsDBNull(7) ? null : reader.GetFieldValue<DateTimeOffset>(7)), cancellation);
    }

    /// <summary>Gives items their three attempts anew, the ignored too if they are named; those that a run holds at this moment are left to it.</summary>
    /// <returns>How many.</returns>
    /// <exception cref="CorpusException">An item that was named has not failed.</exception>
    public async Task<int> Retry(string name, FailureChoice choice, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        var ignored = await OfIgnored(corpus, choice, "SELECT {1} FROM {0} t WHERE {2}", cancellation);
        var failed = choice with { Items = choice.Items.Except(ignored).ToList() };
        await DemandKnown(name, failed, cancellation);
        var retried = (await OfIgnored(corpus, choice, "UPDATE {0} t SET {3} = NULL, {4} = NULL WHERE {2} RETURNING {1}", cancellation)).Count;
        if (failed.Items.Count == 0 && choice.Items.Count > 0)
        {
            return retried;
        }

        foreach (var table in corpus.Tables)
        {
            await using var command = Command(Retry(table), name, failed);
            retried += Convert.ToInt32(await command.ExecuteScalarAsync(cancellation), null);
        }

        return retried;
    }

    /// <summary>Takes items out of the pending and the failed until their text changes; those that a run holds at this moment are left to it.</summary>
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
            var (written, denied) = await EachByItself(same, some => Ignore(corpus, table, some, cancellation));
            (ignored, edited, refused) = (ignored + written, edited + found.Count - written - denied, refused + denied);
        }

        return new IgnoredItems(ignored, edited, refused);
    }

    // A row that a trigger or a constraint of its owner's keeps from being written keeps no other: halves find it.
    private static async Task<(int Written, int Refused)> EachByItself<T>(IReadOnlyList<T> items, Func<IReadOnlyList<T>, Task<int>> write)
    {
        if (items.Count == 0)
        {
            return (0, 0);
        }

        try
        {
            return (await write(items), 0);
        }
        catch (PostgresException e) when (WriteFaults.IsOfARow(e) && items.Count == 1)
        {
            return (0, 1);
        }
        catch (PostgresException e) when (WriteFaults.IsOfARow(e))
        {
            var half = items.Count / 2;
            var first = await EachByItself(items.Take(half).ToList(), write);
            var second = await EachByItself(items.Skip(half).ToList(), write);
            return (first.Written + second.Written, first.Refused + second.Refused);
        }
    }

    /// <param name="corpus">The corpus.</param>
    /// <param name="choice">Only items that it names.</param>
    /// <param name="statement">0 is the table, 1 the item's id, 2 the condition, 3 and 4 the columns of rule and fingerprint.</param>
    /// <param name="cancellation">Ends it.</param>
    private async Task<List<(string Kind, string Id)>> OfIgnored(BoundCorpus corpus, FailureChoice choice, string statement, CancellationToken cancellation)
    {
        var ignored = new List<(string, string)>();
        foreach (var table in corpus.Tables.Where(table => choice.Items.Any(item => item.Kind == table.Kind)))
        {
            var condition = $"{table.Id}::text = ANY ($1) AND {table.Hash} LIKE '{BoundTable.IgnoredMarks}'";
            await using var command = _database.CreateCommand(string.Format(CultureInfo.InvariantCulture, statement, table.Table, $"{table.Id}::text", condition, table.RuleName, table.HashName));
            command.Parameters.Add(new() { Value = choice.Items.Where(item => item.Kind == table.Kind).Select(item => item.Id).ToArray() });
            ignored.AddRange(await Read(command, reader => (table.Kind, reader.GetString(0)), cancellation));
        }

        return ignored;
    }

    // A dead item was taken out of the pending; forgetting its rule brings it back.
    private static string Retry(BoundTable table) =>
        $"""
        WITH chosen AS (
            SELECT c.item_id FROM embedding_claims c
            WHERE  {Chosen} AND c.kind = {Sql.Literal(table.Kind)} AND {NotHeld} AND {VectorStore.LockTimeout}
            FOR    UPDATE
        ),
        revived AS (
            UPDATE {table.Table} t SET {table.RuleName} = NULL FROM chosen c
            WHERE  {table.Id} {Sql.Is} c.item_id::{table.IdType} AND {table.Hash} = '{BoundTable.DeadMark}'
        ),
        forgotten AS (
            DELETE FROM embedding_claims c USING chosen
            WHERE  c.corpus = $1 AND c.kind = {Sql.Literal(table.Kind)} AND c.item_id = chosen.item_id
            RETURNING 1
        )
        SELECT count(*) FROM forgotten
        """;

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
            var values = Enumerable.Range(FirstText, table.Template.Columns.Count).Select(i => reader.IsDBNull(i) ? null : reader.GetString(i)).ToList();
            return new FailedText(
                reader.GetString(0), (byte[])reader.GetValue(1), reader.IsDBNull(2) ? null : reader.GetString(2), ItemText.Of(values, table).Hash);
        }, cancellation);
    }

    private async Task<int> Ignore(BoundCorpus corpus, BoundTable table, IReadOnlyList<FailedText> items, CancellationToken cancellation)
    {
        await using var command = _database.CreateCommand(
            $"""
            WITH input AS (
                SELECT * FROM unnest($2::text[], $3::bytea[], $4::text[]) AS i (item_id, version, mark) WHERE {VectorStore.LockTimeout}
            ),
            forgotten AS (
                DELETE FROM embedding_claims c USING input i
                WHERE  c.corpus = $1 AND c.kind = {Sql.Literal(table.Kind)} AND c.item_id = i.item_id AND {NotHeld}
                RETURNING c.item_id
            ),
            {(corpus.Corpus.SimilarityCache ? $"uncached AS (DELETE FROM similarity_cache s USING forgotten f WHERE s.item_type = {Sql.Literal(table.Kind)} AND s.item_id = f.item_id)," : "")}
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
            throw new CorpusException($"Among the failed items of '{corpus}' there is no {string.Join(", ", unknown)}: 'embeddings failures list {corpus}' has them.");
        }
    }

    private NpgsqlCommand Command(string sql, string corpus, FailureChoice choice)
    {
        var command = _database.CreateCommand(sql);
        command.Parameters.Add(new() { Value = corpus });
        command.Parameters.Add(new() { Value = choice.Items.Select(item => item.Kind).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = choice.Items.Select(item => item.Id).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
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
