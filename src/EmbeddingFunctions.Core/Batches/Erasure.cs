using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Storage.Migrations;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Clears all that the product keeps of one item. The item's row is its owner's: while it is there, it is ignored until its text changes.
/// </summary>
public sealed class Erasure
{
    private const int FingerprintLength = 64;

    private const string FindClaim =
        """
        SELECT reason, content_hash, COALESCE(leased_until > now(), false)
        FROM   embedding_claims
        WHERE  corpus = $1 AND kind = $2 AND item_id = $3
        """;

    private const string RemoveClaim =
        """
        DELETE FROM embedding_claims
        WHERE  corpus = $1 AND kind = $2 AND item_id = $3
        RETURNING COALESCE(leased_until > now(), false)
        """;

    private const string ClearRuns =
        """
        UPDATE embedding_jobs SET error_message = replace(error_message, $2, '[forgotten]')
        WHERE  corpus = $1 AND strpos(error_message, $2) > 0
        """;

    private readonly NpgsqlDataSource _database;
    private readonly BoundCorpora _corpora;
    private readonly IVectorCache _cache;

    internal Erasure(NpgsqlDataSource database, BoundCorpora corpora, IVectorCache cache) =>
        (_database, _corpora, _cache) = (database, corpora, cache);

    /// <exception cref="CorpusException">There is no such kind, or the id is of another type.</exception>
    public async Task<KeptOfItem> Find(string corpus, string kind, string id, CancellationToken cancellation) =>
        (await Look(await Table(corpus, kind, cancellation), id, cancellation)).Kept;

    /// <returns>What was kept.</returns>
    /// <exception cref="CorpusException">
    /// There is no such kind, the id is of another type, a run holds the item, or a cache cannot be reached.
    /// </exception>
    public async Task<KeptOfItem> Forget(string corpus, string kind, string id, CancellationToken cancellation)
    {
        var bound = await Table(corpus, kind, cancellation);
        var found = await Look(bound, id, cancellation);
        // First, while what tells their names is there. A cached vector that another item's text has too is paid for once more.
        await _cache.Forget(found.Fingerprints, cancellation);
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await Run(connection, $"SELECT {Sql.Writing} AND set_config('lock_timeout', '5s', true) IS NOT NULL", cancellation);
        await Clear(connection, bound, id, found, cancellation);
        await transaction.CommitAsync(cancellation);
        return found.Kept;
    }

    // Locks go from the item to the claim. No run can claim a row that is locked; one that has it is left to end.
    private static async Task Clear(
        NpgsqlConnection connection, (BoundCorpus Corpus, BoundTable Table) bound, string id, Found found, CancellationToken cancellation)
    {
        var (corpus, table) = bound;
        var content = table.Queue == QueuedText.Content
            ? $", {Sql.Identifier(table.Own.Content)} = {TemplateFunction.Name(table.Found)}(t.*)"
            : "";
        var unembed = $"UPDATE {table.Table} t SET {table.Unembedded}, {table.HashName} = $2{content} WHERE {table.Id} {Sql.Is} "
            + $"$1::{table.IdType}";
        await Run(connection, unembed, cancellation, id, found.Mark);
        if (await Run(connection, RemoveClaim, cancellation, corpus.Corpus.Name, table.Kind, id) is true)
        {
            throw Held(table, id);
        }

        if (table.ChunkTable is { } chunks)
        {
            await Run(connection, $"DELETE FROM {chunks} WHERE document_id {Sql.Is} $1::{table.IdType}", cancellation, id);
        }

        if (table.Queue != QueuedText.None)
        {
            var unqueue = $"DELETE FROM {QueueShape.Queue(table)} WHERE {QueueShape.IsOf(table)} AND record_id::text = $1";
            await Run(connection, unqueue, cancellation, id);
        }

        if (corpus.Corpus.SimilarityCache)
        {
            await Run(connection, $"DELETE FROM {Copies(table)} WHERE item_type = $1 AND item_id = $2", cancellation, table.Kind, id);
        }

        if (found.Reason is { } reason)
        {
            await Run(connection, ClearRuns, cancellation, corpus.Corpus.Name, reason);
        }
    }

    private static string Copies(BoundTable table) => table.Schemas.EngineTable(SimilarityCacheShape.Name);

    private static CorpusException Held(BoundTable table, string id) =>
        new($"A run holds {table.Kind}:{id} at this moment: say this again when it is done with it.");

    private async Task<(BoundCorpus Corpus, BoundTable Table)> Table(string name, string kind, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        return (corpus, corpus.Tables.FirstOrDefault(table => table.Kind == kind)
            ?? throw new CorpusException(
                $"The corpus '{name}' has no kind '{kind}': it has {string.Join(", ", corpus.Tables.Select(table => table.Kind))}."));
    }

    private async Task<Found> Look((BoundCorpus Corpus, BoundTable Table) bound, string id, CancellationToken cancellation)
    {
        var (corpus, table) = bound;
        var claims = await Read(
            FindClaim, reader => (Reason: Text(reader, 0), Hash: Text(reader, 1), IsHeld: reader.GetBoolean(2)), cancellation,
            corpus.Corpus.Name, table.Kind, id);
        if (claims.Exists(claim => claim.IsHeld))
        {
            throw Held(table, id);
        }

        var rows = await OfId(bound, id, () => Rows(table, id, cancellation));
        var chunks = table.ChunkTable is not { } chunkTable ? []
            : await Read(
                $"SELECT content FROM {chunkTable} WHERE document_id {Sql.Is} $1::{table.IdType}", reader => reader.GetString(0),
                cancellation, id);
        var queued = table.Queue == QueuedText.None ? []
            : await Read(
                $"SELECT content FROM {QueueShape.Queue(table)} WHERE {QueueShape.IsOf(table)} AND record_id::text = $1",
                reader => Text(reader, 0), cancellation, id);
        var similar = !corpus.Corpus.SimilarityCache ? []
            : await Read(
                $"SELECT content_hash FROM {Copies(table)} WHERE item_type = $1 AND item_id = $2", reader => reader.GetString(0),
                cancellation, table.Kind, id);
        var others = table.Queue == QueuedText.Content ? queued.Concat(rows.Select(row => row.Declared)) : [];
        var texts = rows.Select(row => ItemText.Of(row.Values, table)).Concat(others.Select(text => ItemText.Of([text], table))).ToList();
        var hashes = rows.Select(row => row.Hash).Concat(claims.Select(claim => claim.Hash)).Concat(similar).OfType<string>();
        var fingerprints = hashes.Where(hash => hash.Length == FingerprintLength)
            .Concat(texts.SelectMany(text => text.Parts).Select(part => table.Rule.Fingerprint(part.Text)))
            .Concat(chunks.Select(table.Rule.Fingerprint));
        var mark = texts.LastOrDefault() is { Parts.Count: > 0 } last ? BoundTable.IgnoredMark(last.Hash) : BoundTable.EmptyMark;
        var kept = new KeptOfItem(
            rows.Count > 0, rows.Exists(row => row.HasVector), chunks.Count, queued.Count, similar.Count, claims.Count);
        return new Found(kept, fingerprints.Distinct().ToList(), mark, claims.FirstOrDefault().Reason);
    }

    // With the text as declared: what the queue's row says in its place goes.
    private Task<List<(string? Hash, bool HasVector, string? Declared, List<string?> Values)>> Rows(
        BoundTable table, string id, CancellationToken cancellation)
    {
        const int FirstText = 3;
        var declared = table.Queue == QueuedText.Content ? $"{TemplateFunction.Name(table.Found)}(t.*)" : "NULL::text";
        return Read(
            $"""
            SELECT {table.Hash}, {table.Vector} IS NOT NULL, {declared}, {string.Join(", ", table.TextColumns)}
            FROM   {table.Table} t WHERE {table.Id} {Sql.Is} $1::{table.IdType}
            """,
            reader => (Text(reader, 0), reader.GetBoolean(1), Text(reader, 2),
                Enumerable.Range(FirstText, table.Template.Columns.Count).Select(i => Text(reader, i)).ToList()), cancellation, id);
    }

    private static async Task<T> OfId<T>((BoundCorpus Corpus, BoundTable Table) bound, string id, Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (PostgresException e) when (e.SqlState.StartsWith("22", StringComparison.Ordinal))
        {
            throw new CorpusException($"'{id}' is no id of a {bound.Table.Kind}: those are of the type {bound.Table.IdType}.");
        }
    }

    private async Task<List<T>> Read<T>(string sql, Func<NpgsqlDataReader, T> row, CancellationToken cancellation, params object[] values)
    {
        await using var command = _database.CreateCommand(sql);
        command.Parameters.AddRange(Parameters(values));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellation))
        {
            rows.Add(row(reader));
        }

        return rows;
    }

    private static async Task<object?> Run(NpgsqlConnection connection, string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(Parameters(values));
        return await command.ExecuteScalarAsync(cancellation);
    }

    private static NpgsqlParameter[] Parameters(object[] values) =>
        [.. values.Select(value => new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Text })];

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    /// <param name="Mark">What stands in place of the fingerprint afterwards.</param>
    private sealed record Found(KeptOfItem Kept, IReadOnlyList<string> Fingerprints, string Mark, string? Reason);
}

/// <summary>What there is of an item.</summary>
/// <param name="HasRow">Whether its own row is there.</param>
/// <param name="QueueRows">In <c>embedding_queue</c>.</param>
/// <param name="Copies">In <c>similarity_cache</c>.</param>
/// <param name="Failures">With their reasons, or none.</param>
public sealed record KeptOfItem(bool HasRow, bool HasVector, int Chunks, int QueueRows, int Copies, int Failures);
