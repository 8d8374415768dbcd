using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;

namespace EmbeddingFunctions.Testing;

/// <summary>Migrates with the command line's sample tables.</summary>
internal static class Migrations
{
    public static Task Migrate(
        this Migrator migrator, Corpus corpus, bool withSampleTables, Action<string>? progress, CancellationToken cancellation) =>
        migrator.Migrate(corpus, new MigrationOptions(withSampleTables ? SampleTables(corpus.Name) : null), progress, cancellation);

    /// <returns>The script that creates a shipped corpus's base tables.</returns>
    public static string SampleTables(string corpus) =>
        File.ReadAllText(Path.Combine(Repository.Root, "src", "EmbeddingFunctions.Cli", "Samples", $"{corpus}.sql"));
}
