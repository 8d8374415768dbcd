namespace EmbeddingFunctions.Cli.Samples;

/// <summary>Base tables for trying out a shipped corpus on an empty database.</summary>
internal static class SampleTables
{
    /// <returns>The script that creates them, or null if the corpus is not a shipped one.</returns>
    public static string? Of(string corpus)
    {
        using var stream = typeof(SampleTables).Assembly.GetManifestResourceStream($"{corpus}.sql");
        return stream is null ? null : new StreamReader(stream).ReadToEnd();
    }
}
