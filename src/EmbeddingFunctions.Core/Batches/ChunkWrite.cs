using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Batches;

/// <summary>Chunks within the statement that writes their items: with them or not at all.</summary>
internal static class ChunkWrite
{
    /// <summary>Brings the chunks of the items in <c>written</c> to what their vectors are of; for an unchanged item they are that already.</summary>
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
            chunk AS (
                SELECT c.*, w.outcome
                FROM   unnest(${first}::text[], ${first + 1}::int[], ${first + 2}::text[], ${first + 3}::int[], ${first + 4}::int[], ${first + 5}::int[], ${first + 6}::int[])
                       AS c (item_id, chunk_index, content, start_char, end_char, token_count, slot)
                JOIN   written w USING (item_id)
            ),
            chunked AS (
                INSERT INTO {chunks} AS k (document_id, chunk_index, content, start_char, end_char, token_count, embedding)
                SELECT item_id::{table.IdType}, chunk_index, content, start_char, end_char, token_count, {vector("slot")}
                FROM   chunk
                ON CONFLICT (document_id, chunk_index) DO UPDATE
                SET    content = EXCLUDED.content, start_char = EXCLUDED.start_char, end_char = EXCLUDED.end_char,
                       token_count = EXCLUDED.token_count, embedding = EXCLUDED.embedding
                WHERE  (k.content, k.start_char, k.end_char, k.token_count, k.embedding)
                       IS DISTINCT FROM (EXCLUDED.content, EXCLUDED.start_char, EXCLUDED.end_char, EXCLUDED.token_count, EXCLUDED.embedding)
            ),
            unchunked AS (
                DELETE FROM {chunks} k
                USING  written w
                WHERE  k.document_id = w.item_id::{table.IdType} AND w.outcome <> '{nameof(Outcome.Unchanged)}'
                AND    NOT EXISTS (SELECT FROM chunk c WHERE c.item_id = w.item_id AND c.chunk_index = k.chunk_index)
            ),
            """;
    }

    /// <summary>Takes the chunks of items whose vectors go.</summary>
    /// <param name="table">The items' table.</param>
    /// <param name="gone">What in the statement has their <c>item_id</c>.</param>
    public static string Forget(BoundTable table, string gone) => table.ChunkTable is not { } chunks ? "" :
        $"unchunked AS (DELETE FROM {chunks} k USING {gone} g WHERE k.document_id = g.item_id::{table.IdType}),";

    /// <summary>In the order of the parameters.</summary>
    /// <param name="outcomes">The items.</param>
    /// <param name="slot">Where the first chunk's vector is.</param>
    public static IEnumerable<object> Values(IReadOnlyList<ItemOutcome> outcomes, int slot)
    {
        var chunks = outcomes.SelectMany(outcome => outcome.Chunks.Select((chunk, i) => (outcome.Item.Id, Index: i, chunk.Chunk))).ToList();
        return
        [
            chunks.Select(chunk => chunk.Id).ToArray(), chunks.Select(chunk => chunk.Index).ToArray(), chunks.Select(chunk => chunk.Chunk.Text).ToArray(),
            chunks.Select(chunk => chunk.Chunk.Start).ToArray(), chunks.Select(chunk => chunk.Chunk.End).ToArray(),
            chunks.Select(chunk => chunk.Chunk.Tokens).ToArray(), Enumerable.Range(slot, chunks.Count).ToArray(),
        ];
    }
}
