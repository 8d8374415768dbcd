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
    /// <param name="first">The number of the first parameter, see <see cref="Values"/>.</param>
    /// <param name="vector">The vector of a slot, as SQL.</param>
    public static string Replace(BoundTable table, int first, Func<string, string> vector)
    {
        if (table.ChunkTable is not { } chunks)
        {
            return "";
        }

        return
            $"""
            chunked AS ({Insert(table, first, vector, "written")}),
            unchunked AS (
                DELETE FROM {chunks} k
                USING  written w JOIN input i USING (item_id)
                WHERE  k.document_id {Sql.Is} w.item_id::{table.IdType} AND w.outcome <> '{nameof(Outcome.Unchanged)}' AND k.chunk_index >=
                    i.chunks
            ),
            """;
    }

    /// <summary>
    /// Writes a part of the chunks of items ($1 ids, $2 versions) that the token ($3) still holds and that are still what was read; the
    /// items' own vectors come last.
    /// From here on the row does not count as unchanged: its chunks may be of two texts.
    /// </summary>
    /// <param name="table">The items' table.</param>
    /// <param name="vector">The vector of a slot, as SQL.</param>
    /// <param name="skipLocked">Whether to leave out rows that others are working on.</param>
    public static string WritePart(BoundTable table, Func<string, string> vector, bool skipLocked) =>
        $"""
        WITH held AS (
            SELECT i.item_id
            FROM   unnest($1::text[], $2::bytea[]) AS i (item_id, version)
            JOIN   embedding_claims c ON c.token = $3 AND c.item_id = i.item_id
            JOIN   {table.Table} t ON {table.Id} {Sql.Is} i.item_id::{table.IdType}
                   AND {table.Partition} {table.IsPartition} $4::{table.PartitionType} AND {table.Version} = i.version
            WHERE  {VectorStore.OwnWrite}
            FOR    NO KEY UPDATE OF t{(skipLocked ? " SKIP LOCKED" : "")}
        ),
        unsettled AS (
            UPDATE {table.Table} t SET {table.HashName} = NULL
            FROM   held h
            WHERE  {table.Id} {Sql.Is} h.item_id::{table.IdType} AND {table.Hash} IS NOT NULL
        )
        {Insert(table, first: 7, vector, "held")}
        """;

    /// <summary>Takes the chunks of items whose vectors go.</summary>
    /// <param name="table">The items' table.</param>
    /// <param name="gone">What in the statement has their <c>item_id</c>.</param>
    public static string Forget(BoundTable table, string gone) => table.ChunkTable is not { } chunks ? "" :
        $"unchunked AS (DELETE FROM {chunks} k USING {gone} g WHERE k.document_id {Sql.Is} g.item_id::{table.IdType}),";

    /// <summary>The chunks of items, as <see cref="Values"/> takes them.</summary>
    public static IReadOnlyList<PlacedChunk> Of(IEnumerable<ItemOutcome> outcomes) =>
        outcomes.SelectMany(outcome => outcome.Chunks.Select((chunk, i) => new PlacedChunk(outcome.Item, i, chunk))).ToList();

    /// <summary>In the order of the parameters.</summary>
    /// <param name="chunks">The chunks.</param>
    /// <param name="slot">Where the first chunk's vector is.</param>
    public static IEnumerable<object> Values(IReadOnlyList<PlacedChunk> chunks, int slot) =>
    [
        chunks.Select(chunk => chunk.Item.Id).ToArray(), chunks.Select(chunk => chunk.Index).ToArray(),
        chunks.Select(chunk => chunk.Embedded.Chunk.Text).ToArray(),
        chunks.Select(chunk => chunk.Embedded.Chunk.Start).ToArray(), chunks.Select(chunk => chunk.Embedded.Chunk.End).ToArray(),
        chunks.Select(chunk => chunk.Embedded.Chunk.Tokens).ToArray(), Enumerable.Range(slot, chunks.Count).ToArray(),
    ];

    private static string Insert(BoundTable table, int first, Func<string, string> vector, string items) =>
        $"""
        INSERT INTO {table.ChunkTable} AS k (document_id, chunk_index, content, start_char, end_char, token_count, embedding)
        SELECT item_id::{table.IdType}, chunk_index, content, start_char, end_char, token_count, {vector("c.slot")}
        FROM   unnest(${first}::text[], ${first + 1}::int[], ${first + 2}::text[], ${first + 3}::int[], ${first + 4}::int[],
            ${first + 5}::int[], ${first + 6}::int[])
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
