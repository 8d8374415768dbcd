using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests;

/// <summary>Rules of form that no compiler holds.</summary>
public sealed class SourceTests
{
    private const int MaxColumns = 140;

    private static readonly string[] _folders = ["src", "tests", "bench", "samples"];

    [Fact]
    public void No_line_of_code_is_wider_than_140_columns()
    {
        var wide =
            from folder in _folders
            from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
            from line in File.ReadLines(file).Select((text, index) => (Text: text, Number: index + 1))
            where line.Text.Length > MaxColumns && !IsSample(line.Text)
            select $"{Path.GetRelativePath(Repository.Root, file)}:{line.Number}";
        Assert.Empty(wide);
    }

    // A literal of JSON, a URL or a pattern is read as it is sent.
    private static bool IsSample(string line) =>
        line.Contains("\"\"\"", StringComparison.Ordinal) || line.Contains("@\"", StringComparison.Ordinal);
}
