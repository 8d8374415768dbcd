using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Base tables for trying out a shipped corpus on an empty database.</summary>
internal static class SampleTables
{
    /// <returns>The script that creates them, or null if the corpus is not a shipped one.</returns>
    public static string? Of(Corpus corpus) =>
        corpus.Name is "workspace" or "sessions" or "summaries" or "clips" or "documents"
            ? Migration.Read($"{corpus.Name}_tables.sql")
            : null;
}
