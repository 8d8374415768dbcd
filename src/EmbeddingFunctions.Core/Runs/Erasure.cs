using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Clears all that the product keeps of one item. The item's row is its owner's: while it is there, it is ignored until its text changes.
/// </summary>
internal sealed class Erasure
{
    private static SqlText FindClaim(ResolvedCorpus corpus, ResolvedTable table, string id) =>
        $"""
        SELECT reason, content_hash, COALESCE(leased_until > now(), false)
        FROM   embedding.claims
        WHERE  {IsClaimOf(corpus, table, id)}
        """;

    private static SqlText RemoveClaim(ResolvedCorpus corpus, ResolvedTable table, string id) =>
        $"""
        DELETE FROM embedding.claims
        WHERE  {IsClaimOf(corpus, table, id)}
        RETURNING COALESCE(leased_until > now(), false)
        """;

    // Of the line nothing tells any longer what it was of: its vector, when it comes, is kept nowhere.
    private static SqlText FromBatches(ResolvedCorpus corpus, ResolvedTable table, string id, Found found) =>
        $"""
        WITH items AS (
            DELETE FROM embedding.lane_items WHERE corpus = {corpus.Corpus.Name} AND kind = {table.Kind} AND item_id = {id}
            RETURNING batch_id, line
        )
        UPDATE embedding.lane_lines l
        SET    fingerprints = ARRAY(
                   SELECT CASE WHEN f = ANY ({found.Fingerprints.ToArray()}::text[]) THEN '' ELSE f END
                   FROM   unnest(l.fingerprints) WITH ORDINALITY AS u (f, place) ORDER BY place)
        FROM   items i WHERE l.batch_id = i.batch_id AND l.line = i.line
        """;

    private static SqlText IsClaimOf(ResolvedCorpus corpus, ResolvedTable table, string id) =>
        $"corpus = {corpus.Corpus.Name} AND kind = {table.Kind} AND item_id = {id}";

    private readonly NpgsqlDataSource _database;
    private readonly ResolvedCorpora _corpora;
    private readonly SourceChanges _changes;
    private readonly IVectorCache _cache;

    public Erasure(NpgsqlDataSource database, ResolvedCorpora corpora, SourceChanges changes, IVectorCache cache) =>
        (_database, _corpora, _changes, _cache) = (database, corpora, changes, cache);

    /// <exception cref="NotFoundException">There is no such kind.</exception>
    /// <exception cref="InvalidCorpusException">The id is of another type.</exception>
    public async Task<KeptOfItem> Find(string corpus, string kind, string id, CancellationToken cancellation) =>
        (await Look(await Table(corpus, kind, cancellation), id, cancellation)).Kept;

    /// <returns>What was kept.</returns>
    /// <exception cref="NotFoundException">There is no such kind.</exception>
    /// <exception cref="InvalidCorpusException">The id is of another type.</exception>
    /// <exception cref="DatabaseNotReadyException">A run holds the item, or a cache cannot be reached.</exception>
    public async Task<KeptOfItem> Forget(string corpus, string kind, string id, CancellationToken cancellation)
    {
        var resolved = await Table(corpus, kind, cancellation);
        var found = await Look(resolved, id, cancellation);
        // First, while what tells their names is there. A cached vector that another item's text has too is paid for once more.
        await _cache.Forget(found.Fingerprints, cancellation);
        await using var connection = await _database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await connection.ExecuteAsync($"SELECT {Sql.MarkEngineWrite} AND set_config('lock_timeout', '5s', true) IS NOT NULL", cancellation);
        await Clear(connection, resolved, id, found, cancellation);
        await transaction.CommitAsync(cancellation);
        return found.Kept;
    }

    // Locks go from the item to the claim. No run can claim a row that is locked; one that has it is left to end.
    private static async Task Clear(
        NpgsqlConnection connection, (ResolvedCorpus Corpus, ResolvedTable Table) resolved, string id, Found found,
        CancellationToken cancellation)
    {
        var (corpus, table) = resolved;
        var content = Sql.When(table.Queue == QueuedText.Content, $", {Sql.Identifier(table.Own.Content)} = {table.Rendered}");
        await connection.ExecuteAsync(
            $"""
            UPDATE {table.Target} t SET {table.Unembedded($"{found.State}", $"{found.Hash}")}{content}
            WHERE  {table.Id} {Sql.Is} {id}::{table.IdType}{table.AndIsCurrent}
            """, cancellation);
        if (await connection.ScalarAsync<bool>(RemoveClaim(corpus, table, id), cancellation))
        {
            throw Held(table, id);
        }

        if (await connection.ScalarAsync<bool>($"SELECT pg_catalog.to_regclass('embedding.lane_items') IS NOT NULL", cancellation))
        {
            await connection.ExecuteAsync(FromBatches(corpus, table, id, found), cancellation);
        }

        if (table.ChunkTable is { } chunks)
        {
            await connection.ExecuteAsync($"DELETE FROM {chunks} WHERE document_id {Sql.Is} {id}::{table.IdType}", cancellation);
        }

        if (table.Queue != QueuedText.None)
        {
            await connection.ExecuteAsync($"DELETE {InQueue(table, id)}", cancellation);
        }

        if (corpus.Corpus.SimilarityCache)
        {
            await connection.ExecuteAsync($"DELETE {Copies(table, id)}", cancellation);
        }

        if (found.Reason is { } reason)
        {
            await connection.ExecuteAsync(RunTransitions.EraseFromErrors(corpus.Corpus.Name, reason), cancellation);
        }
    }

    private static SqlText InQueue(ResolvedTable table, string id) =>
        $"FROM {QueueSql.Queue(table)} WHERE {QueueSql.IsOf(table)} AND record_id::text = {id}";

    private static SqlText Copies(ResolvedTable table, string id) =>
        $"FROM {table.Schemas.InApplication(DatabaseSchemas.SimilarityCache)} WHERE item_type = {table.Kind} AND item_id = {id}";

    private static DatabaseNotReadyException Held(ResolvedTable table, string id) =>
        new($"A run is processing {table.Kind}:{id}: run the command again when the run has finished with it.");

    private async Task<(ResolvedCorpus Corpus, ResolvedTable Table)> Table(string name, string kind, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        return (corpus, corpus.Tables.FirstOrDefault(table => table.Kind == kind)
            ?? throw new NotFoundException(
                $"The corpus '{name}' has no kind '{kind}': it has {string.Join(", ", corpus.Tables.Select(table => table.Kind))}."));
    }

    private async Task<Found> Look((ResolvedCorpus Corpus, ResolvedTable Table) resolved, string id, CancellationToken cancellation)
    {
        var (corpus, table) = resolved;
        await _changes.Settle(corpus, cancellation);
        var claims = await _database.QueryAsync(
            FindClaim(corpus, table, id), row => (Reason: row.Text(0), Hash: row.Text(1), IsHeld: row.GetBoolean(2)), cancellation);
        if (claims.Exists(claim => claim.IsHeld))
        {
            throw Held(table, id);
        }

        var rows = await OfId(resolved, id, () => Rows(table, id, cancellation));
        var chunks = table.ChunkTable is not { } chunkTable ? []
            : await _database.QueryAsync(
                $"SELECT content FROM {chunkTable} WHERE document_id {Sql.Is} {id}::{table.IdType}", row => row.GetString(0), cancellation);
        var queued = table.Queue == QueuedText.None ? []
            : await _database.QueryAsync($"SELECT content {InQueue(table, id)}", row => row.Text(0), cancellation);
        var similar = !corpus.Corpus.SimilarityCache ? []
            : await _database.QueryAsync($"SELECT content_hash {Copies(table, id)}", row => row.GetString(0), cancellation);
        var others = table.Queue == QueuedText.Content ? queued.Concat(rows.Select(row => row.Declared)) : [];
        var texts = rows.Select(row => ItemText.Of(row.Values, table)).Concat(others.Select(text => ItemText.Of([text], table))).ToList();
        var hashes = rows.Select(row => row.Hash).Concat(claims.Select(claim => claim.Hash)).Concat(similar).OfType<string>();
        var fingerprints = hashes
            .Concat(texts.SelectMany(text => text.Parts).Select(part => table.Rule.Fingerprint(part.Text)))
            .Concat(chunks.Select(table.Rule.Fingerprint));
        var last = texts.LastOrDefault();
        var state = last is { Parts.Count: > 0 } ? ItemState.Ignored : ItemState.Empty;
        var kept = new KeptOfItem(
            rows.Count > 0, rows.Exists(row => row.HasVector), chunks.Count, queued.Count, similar.Count, claims.Count);
        return new Found(kept, fingerprints.Distinct().ToList(), state, last?.Hash, claims.FirstOrDefault().Reason);
    }

    // With the text as declared: what the queue's row says in its place goes.
    private Task<List<(string? Hash, bool HasVector, string? Declared, List<string?> Values)>> Rows(
        ResolvedTable table, string id, CancellationToken cancellation)
    {
        const int FirstText = 3;
        var declared = table.Queue == QueuedText.Content ? table.Rendered : Sql.Of($"NULL::text");
        return _database.QueryAsync(
            $"""
            SELECT {table.Hash}, {table.Vector} IS NOT NULL, {declared}, {Sql.Join(", ", table.TextColumns)}
            FROM   {table.Items} t WHERE {table.Id} {Sql.Is} {id}::{table.IdType}
            """,
            row => (row.Text(0), row.GetBoolean(1), row.Text(2), row.Texts(FirstText, table.Template.Columns.Count)), cancellation);
    }

    private static async Task<T> OfId<T>((ResolvedCorpus Corpus, ResolvedTable Table) resolved, string id, Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (PostgresException e) when (e.SqlState.StartsWith("22", StringComparison.Ordinal))
        {
            throw new InvalidCorpusException(
                $"'{id}' is no id of a {resolved.Table.Kind}: its ids are of the type {resolved.Table.IdType}.");
        }
    }

    /// <param name="State">The row's, afterwards.</param>
    /// <param name="Hash">The fingerprint of the row's text, or null without a row.</param>
    private sealed record Found(KeptOfItem Kept, IReadOnlyList<string> Fingerprints, string State, string? Hash, string? Reason);
}

/// <summary>What there is of an item.</summary>
/// <param name="HasRow">Whether its own row is there.</param>
/// <param name="QueueRows">In <c>embedding_queue</c>.</param>
/// <param name="Copies">In <c>similarity_cache</c>.</param>
/// <param name="Failures">With their reasons, or none.</param>
internal sealed record KeptOfItem(bool HasRow, bool HasVector, int Chunks, int QueueRows, int Copies, int Failures);
