using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Bench.Writes;

/// <summary>A way to bring a batch's vectors into the database.</summary>
internal interface IBatchWrite : IAsyncDisposable
{
    Task Write(Claim claim, IReadOnlyList<ItemOutcome> outcomes);
}
