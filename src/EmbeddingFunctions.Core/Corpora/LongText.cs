namespace EmbeddingFunctions.Corpora;

/// <summary>How a text is treated that is longer than is embedded at once.</summary>
public enum LongText
{
    /// <summary>It is cut, and its row says by how much.</summary>
    Truncate,

    /// <summary>The item fails until its text is shorter.</summary>
    Fail,

    /// <summary>It is embedded in chunks, which a table of their own keeps; the row's vector is their mean.</summary>
    Chunk,
}

/// <summary>Into what texts are cut, and where the chunks are kept.</summary>
public sealed record Chunks
{
    /// <summary>The table's name, in the schema of the table that it is of; a migration makes it.</summary>
    public required string Table { get; init; }

    /// <summary>Of a chunk.</summary>
    public int MaxTokens { get; init; } = 800;

    /// <summary>The most of a chunk's end that the next begins with.</summary>
    public int OverlapTokens { get; init; } = 80;
}
