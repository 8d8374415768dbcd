namespace EmbeddingFunctions.Runs;

/// <summary>The runs whose batches are on the provider's batch lane.</summary>
internal interface ILaneRuns
{
    /// <summary>Moves each open run on by a step, unless another process does or its time has not come.</summary>
    Task Advance(CancellationToken cancellation);
}
