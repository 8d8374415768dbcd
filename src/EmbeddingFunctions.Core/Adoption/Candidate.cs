using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Adoption;

/// <summary>
/// An item with the vectors that another program made of its text: one or, where texts are embedded in chunks, one a chunk.
/// </summary>
internal sealed record Candidate(AdoptableItem Item, IReadOnlyList<ReadOnlyMemory<float>> Vectors)
{
    public ItemOutcome Outcome => BatchTriage.Embedded(
        new ClaimedItem(Item.Id, Item.Version, [], null, null, HasVector: false, 1, null, IsDead: false), Item.Text, Vectors);

    /// <returns>The item with its vectors, or why it is left out.</returns>
    public static (Candidate? Candidate, LeftOutReason Reason) Of(
        AdoptableItem item, IEnumerable<SourceRow> rows, ResolvedTable table, int dimensions)
    {
        var found = rows.ToList();
        var (vectors, reason) =
            item.WasWritten ? (null, LeftOutReason.WrittenSince)
            : item.Text.Parts.Count == 0 ? (null, LeftOutReason.EmptyText)
            : item.Text.Problem is not null ? (null, LeftOutReason.TextTooLong)
            : found.Count == 0 ? (null, LeftOutReason.NoVector)
            : table.Chunks is not null ? ByText(item.Text, found)
            : found.Count > 1 ? (null, LeftOutReason.SeveralVectors)
            : ([found[0].Vector], default);
        var fault = vectors?.Select(vector => SourceVector.Fault(vector, dimensions)).FirstOrDefault(fault => fault is not null);
        return vectors is null || fault is not null
            ? (null, fault ?? reason)
            : (new Candidate(item, vectors.ConvertAll(vector => new ReadOnlyMemory<float>(vector))), default);
    }

    // A chunk's vector is of its text, wherever the source has it.
    private static (List<float[]>? Vectors, LeftOutReason Reason) ByText(ItemText text, IEnumerable<SourceRow> rows)
    {
        var byText = rows.Where(row => row.Text is not null)
            .GroupBy(row => NormalizedText.Of(row.Text!, int.MaxValue)).ToDictionary(same => same.Key, same => same.First().Vector);
        var vectors = text.Parts.Select(part => byText.GetValueOrDefault(part.Text)).OfType<float[]>().ToList();
        return vectors.Count == text.Parts.Count ? (vectors, default) : (null, LeftOutReason.OtherChunks);
    }
}
