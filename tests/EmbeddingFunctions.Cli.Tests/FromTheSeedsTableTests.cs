using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>
/// docs/coming-from-another-system.md has a test, or a reason why there is none, in each of its rows, and names only tests that there are.
/// </summary>
public sealed partial class FromTheSeedsTableTests
{
    private static readonly string _tests = Path.GetFullPath(Path.Combine(Folder(), ".."));

    [Fact]
    public void Every_row_names_its_test_or_says_why_there_is_none() => Assert.All(Rows(), cells =>
    {
        Assert.True(cells.Count == (FaultPattern().IsMatch(cells[0]) ? 3 : 4), $"Other columns: {string.Join(" | ", cells)}");
        Assert.True(TestPattern().IsMatch(cells[^1]) || cells[^1].StartsWith("none: ", StringComparison.Ordinal), $"No test: {cells[0]}");
        Assert.False(string.IsNullOrEmpty(cells[0]) || string.IsNullOrEmpty(cells[1]), $"Half a row: {string.Join(" | ", cells)}");
    });

    [Fact]
    public void Every_test_that_is_named_exists()
    {
        var sources = Directory.GetFiles(_tests, "*Tests.cs", SearchOption.AllDirectories)
            .ToLookup(file => Path.GetFileNameWithoutExtension(file), File.ReadAllText);
        var named = Rows().SelectMany(cells => TestPattern().Matches(cells[^1]))
            .Select(test => (Class: test.Groups[1].Value, Method: test.Groups[2].Value)).ToList();

        Assert.True(named.Count > 100, $"{named.Count} tests are named.");
        Assert.All(
            named,
            test =>
                Assert.True(
                    sources[test.Class].Any(source => source.Contains($" {test.Method}(", StringComparison.Ordinal)),
                    $"There is no {test.Class}.{test.Method}."));
    }

    [Theory]
    [InlineData('B', 11)]
    [InlineData('L', 11)]
    [InlineData('C', 12)]
    [InlineData('D', 11)]
    public void Every_fault_has_a_row(char system, int faults) => Assert.Equal(
        Enumerable.Range(1, faults).Select(number => $"{system}{number}"),
        Rows().Select(cells => cells[0]).Where(cell => FaultPattern().IsMatch(cell) && cell[0] == system));

    // Without the heads and the lines under them.
    private static List<List<string>> Rows() => File.ReadLines(Path.Combine(_tests, "..", "docs", "coming-from-another-system.md"))
        .Where(
            line =>
                line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| there ", StringComparison.Ordinal)
                    && !line.StartsWith("| fault ", StringComparison.Ordinal))
        .Select(line => BarPattern().Split(line)[1..^1].Select(cell => cell.Trim()).ToList()).ToList();

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex BarPattern();

    [GeneratedRegex("^[BCDL][0-9]+$")]
    private static partial Regex FaultPattern();

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex TestPattern();
}
