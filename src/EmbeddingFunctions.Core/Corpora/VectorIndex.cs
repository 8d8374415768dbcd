namespace EmbeddingFunctions.Corpora;

/// <summary>How pgvector builds a corpus's HNSW index.</summary>
public sealed record VectorIndex
{
    /// <summary>Links of a vector: 2 to 100.</summary>
    public int M { get; init; } = 16;

    /// <summary>How many vectors are looked at to place one: 4 to 1,000, and at least twice <see cref="M"/>.</summary>
    public int EfConstruction { get; init; } = 64;
}
