using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Faults;

/// <summary>The catalogue in README.md tells of every fault and names tests that there are.</summary>
public sealed partial class CatalogueTests
{
    private const int Faults = 62;

    [Fact]
    public void Every_fault_has_a_row() =>
        Assert.Equal(Enumerable.Range(1, Faults), RowPattern().Matches(Readme()).Select(row => int.Parse(row.Groups[1].Value)));

    [Fact]
    public void Every_test_named_exists()
    {
        var sources = Directory.GetFiles(Path.GetFullPath(Path.Combine(Folder(), "..")), "*.cs", SearchOption.AllDirectories)
            .GroupBy(file => Path.GetFileNameWithoutExtension(file))
                .ToDictionary(files => files.Key, files => string.Concat(files.Select(File.ReadAllText)));
        var named = TestPattern().Matches(Readme()).Select(test => (Class: test.Groups[1].Value, Method: test.Groups[2].Value)).ToList();

        Assert.NotEmpty(named);
        Assert.All(named, test => Assert.True(
            sources.TryGetValue(test.Class, out var source) && Regex.IsMatch(source, $@"\b{test.Method}\("),
            $"There is no {test.Class}.{test.Method}."));
    }

    private static string Readme() => File.ReadAllText(Path.Combine(Folder(), "README.md"));

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;

    [GeneratedRegex(@"^\| F(\d+) \|", RegexOptions.Multiline)]
    private static partial Regex RowPattern();

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex TestPattern();
}
