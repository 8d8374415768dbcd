using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Batches;

/// <summary>Chunks as SQL writes them: within the statement that writes their items or, where they are many, in parts before it.</summary>
internal static class ChunkWrite
{
    /// <summary>How many chunks a statement writes: some seconds' work, as each is an insert into an HNSW index.</summary>
    public const int Part = 256;

    /// <summary>
    /// Brings the chunks of the items in <c>written</c> to what their vectors are of; for an unchanged item they are that already.
    /// </summary>
    /// <param name="table">The items' table.</param>
    /// <param name="chunks">The chunks.</param>
    /// <param name="slot">Where the first chunk's vector is.</param>
    /// <param name="vectors">The vectors.</param>
    public static SqlText Replace(ResolvedTable table, IReadOnlyList<PlacedChunk> chunks, int slot, FlatVectors vectors) => Sql.When(
        table.ChunkTable is not null,
        $"""
        chunked AS (
            {Insert(table, chunks, slot, vectors, $"written")}
        ),
        unchunked AS (
            DELETE FROM {table.ChunkTable!} k
            USING  written w JOIN input i USING (item_id)
            WHERE  k.document_id {Sql.Is} w.item_id::{table.IdType} AND w.outcome <> {VectorStore.Is(Outcome.Unchanged)}
            AND    k.chunk_index >= i.chunks
        ),
        """);

    /// <summary>
    /// Writes a part of the chunks of items that the claim still holds and that are still what was read; the items' own vectors come last.
    /// From here on the row does not count as unchanged: its chunks may be of two texts.
    /// </summary>
    /// <param name="claim">The claim.</param>
    /// <param name="chunks">The part.</param>
    /// <param name="skipLocked">Whether to leave out rows that others are working on.</param>
    public static SqlText WritePart(Claim claim, IReadOnlyList<PlacedChunk> chunks, bool skipLocked)
    {
        var table = claim.Table;
        var items = chunks.Select(chunk => chunk.Item).Distinct().ToList();
        var vectors = new FlatVectors(
            chunks.Select(chunk => chunk.Embedded.Vector).ToList(), table, claim.Corpus.Corpus.Dimensions);
        return
            $"""
            WITH held AS (
                SELECT i.item_id
                FROM   unnest({items.Select(item => item.Id).ToArray()}::text[], {items.Select(item => item.Version).ToArray()}::bytea[])
                       AS i (item_id, version)
                JOIN   embedding.claims c ON c.token = {claim.Token} AND c.item_id = i.item_id
                JOIN   {table.Target} t ON {table.Id} {Sql.Is} i.item_id::{table.IdType}
                       AND {table.Partition} {table.IsPartition} {claim.Partition}::{table.PartitionType} AND {table.Version} = i.version
                WHERE  {VectorStore.MarkItemWrite}
                FOR    NO KEY UPDATE OF t{Sql.When(skipLocked, $" SKIP LOCKED")}
            ),
            unsettled AS (
                UPDATE {table.Target} t SET {table.HashName} = NULL
                FROM   held h
                WHERE  {table.Id} {Sql.Is} h.item_id::{table.IdType} AND {table.Hash} IS NOT NULL
            )
            {Insert(table, chunks, slot: 1, vectors, $"held")}
            """;
    }

    /// <summary>Takes the chunks of items whose vectors go.</summary>
    /// <param name="table">The items' table.</param>
    /// <param name="gone">What in the statement has their <c>item_id</c>.</param>
    public static SqlText Forget(ResolvedTable table, SqlText gone) => Sql.When(
        table.ChunkTable is not null,
        $"""
        unchunked AS (
            DELETE FROM {table.ChunkTable!} k USING {gone} g WHERE k.document_id {Sql.Is} g.item_id::{table.IdType}
        ),
        """);

    /// <summary>The chunks of items, in their order.</summary>
    public static IReadOnlyList<PlacedChunk> Of(IEnumerable<ItemOutcome> outcomes) =>
        outcomes.SelectMany(outcome => outcome.Chunks.Select((chunk, i) => new PlacedChunk(outcome.Item, i, chunk))).ToList();

    private static SqlText Insert(ResolvedTable table, IReadOnlyList<PlacedChunk> chunks, int slot, FlatVectors vectors, SqlText items) =>
        $"""
        INSERT INTO {table.ChunkTable!} AS k (document_id, chunk_index, content, start_char, end_char, token_count, embedding)
        SELECT item_id::{table.IdType}, chunk_index, content, start_char, end_char, token_count, {vectors.Of($"c.slot")}
        FROM   unnest(
                   {chunks.Select(chunk => chunk.Item.Id).ToArray()}::text[], {chunks.Select(chunk => chunk.Index).ToArray()}::int[],
                   {chunks.Select(chunk => chunk.Embedded.Chunk.Text).ToArray()}::text[],
                   {chunks.Select(chunk => chunk.Embedded.Chunk.Start).ToArray()}::int[],
                   {chunks.Select(chunk => chunk.Embedded.Chunk.End).ToArray()}::int[],
                   {chunks.Select(chunk => chunk.Embedded.Chunk.Tokens).ToArray()}::int[],
                   {Enumerable.Range(slot, chunks.Count).ToArray()}::int[])
               AS c (item_id, chunk_index, content, start_char, end_char, token_count, slot)
        JOIN   {items} USING (item_id)
        ON CONFLICT (document_id, chunk_index) DO UPDATE
        SET    content = EXCLUDED.content, start_char = EXCLUDED.start_char, end_char = EXCLUDED.end_char,
               token_count = EXCLUDED.token_count, embedding = EXCLUDED.embedding
        WHERE  (k.content, k.start_char, k.end_char, k.token_count)
               IS DISTINCT FROM (EXCLUDED.content, EXCLUDED.start_char, EXCLUDED.end_char, EXCLUDED.token_count)
        OR     k.embedding {table.IsOtherVector} EXCLUDED.embedding
        """;
}

/// <summary>A chunk with the item that it is of, and its number in it.</summary>
internal sealed record PlacedChunk(ClaimedItem Item, int Index, EmbeddedChunk Embedded);
