using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Providers;

/// <summary>The provider that makes the vectors, as it is.</summary>
internal sealed record Provider(IEmbeddingGenerator<string, Embedding<float>> Generator)
{
    /// <summary>Its batch interface; null: it has none, or the settings do not let it be used.</summary>
    public IBatchLane? Lane { get; init; }
}

/// <summary>The provider with its replies checked, within the limits, and with retries.</summary>
internal sealed record ProviderPipeline(IEmbeddingGenerator<string, Embedding<float>> Generator);
