namespace EmbeddingFunctions.Corpora;

/// <summary>How and when pgvector builds a corpus's HNSW index.</summary>
public sealed record VectorIndex
{
    /// <summary>Links of a vector: 2 to 100.</summary>
    public int M { get; init; } = 16;

    /// <summary>How many vectors are looked at to place one: 4 to 1,000, and at least twice <see cref="M"/>.</summary>
    public int EfConstruction { get; init; } = 64;

    /// <summary>When it is built.</summary>
    public IndexBuild Build { get; init; }
}

/// <summary>When the index for search is built.</summary>
public enum IndexBuild
{
    /// <summary>After the first backfill, where most rows of a table wait for their first vector; otherwise by the migration.</summary>
    Auto,

    /// <summary>By the migration.</summary>
    Now,

    /// <summary>By the run after which no row waits for its first vector.</summary>
    After,

    /// <summary>Only when a person asks for it: for searches that are exact, or by an index of another kind.</summary>
    Manual,
}
