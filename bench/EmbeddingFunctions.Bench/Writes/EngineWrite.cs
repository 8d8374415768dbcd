using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Bench.Data;

namespace EmbeddingFunctions.Bench.Writes;

internal sealed class EngineWrite(BenchDatabase database) : IBatchWrite
{
    private readonly VectorStore _vectors = database.Get<VectorStore>();

    public async Task Write(Claim claim, IReadOnlyList<ItemOutcome> outcomes)
    {
        var counts = await _vectors.Write(
            claim, Guid.CreateVersion7(), outcomes, new BatchCounts { Claimed = outcomes.Count }, CancellationToken.None);
        if (counts.Embedded != outcomes.Count)
        {
            throw new InvalidOperationException($"{counts.Embedded} of {outcomes.Count} vectors were written.");
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
