using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// A batch's row in <c>embedding.batches</c>: every statement of the batch adds what it committed, so that its counts are the batch's.
/// </summary>
internal static class BatchRow
{
    private const int Counts = 10;

    /// <summary>For an <c>INSERT INTO embedding.batches AS b</c>.</summary>
    public static SqlText Add =>
        $"""
        ON CONFLICT (id) DO UPDATE
        SET    embedded = b.embedded + EXCLUDED.embedded, unchanged = b.unchanged + EXCLUDED.unchanged, empty = b.empty + EXCLUDED.empty,
               changed = b.changed + EXCLUDED.changed, failed = b.failed + EXCLUDED.failed
        RETURNING {Columns}
        """;

    private static SqlText Columns =>
        $"claimed, embedded, unchanged, empty, changed, failed, cached, requests, tokens, saved_tokens";

    /// <returns>The counts of a batch that was recorded before; zeros if it was not.</returns>
    public static async Task<BatchCounts> Recorded(NpgsqlDataSource database, Guid batchId, CancellationToken cancellation) =>
        (await database.QueryAsync($"SELECT {Columns} FROM embedding.batches WHERE id = {batchId}", Read, cancellation))
            .SingleOrDefault() ?? new BatchCounts();

    /// <summary>How long the edits of the written rows waited, in seconds, where a statement returns that behind the counts.</summary>
    public static double[] ReadLags(NpgsqlDataReader reader) =>
        reader.FieldCount > Counts && !reader.IsDBNull(Counts) ? reader.GetFieldValue<double[]>(Counts) : [];

    public static BatchCounts Read(NpgsqlDataReader reader) => new()
    {
        Claimed = reader.GetInt32(0),
        Embedded = reader.GetInt32(1),
        Unchanged = reader.GetInt32(2),
        Empty = reader.GetInt32(3),
        Changed = reader.GetInt32(4),
        Failed = reader.GetInt32(5),
        Cached = reader.GetInt32(6),
        Requests = reader.GetInt32(7),
        Tokens = reader.GetInt64(8),
        SavedTokens = reader.GetInt64(9),
    };
}
