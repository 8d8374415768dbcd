using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Schema;

/// <summary>Base tables for trying out a shipped corpus on an empty database.</summary>
internal static class SampleTables
{
    /// <returns>The script that creates them, or null if the corpus is not a shipped one.</returns>
    public static string? Of(Corpus corpus) => ShippedCorpora.Contains(corpus) ? SqlScript.Read($"samples/{corpus.Name}.sql") : null;
}
