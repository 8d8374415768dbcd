using System.Text.RegularExpressions;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>The code of docs/library.md is the samples' code, which the build compiles.</summary>
public sealed partial class LibraryPageTests
{
    [Fact]
    public void Each_block_of_the_page_stands_in_a_sample()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "library.md"));
        var samples = Directory.GetFiles(Path.Combine(Repository.Root, "samples"), "Program.cs", SearchOption.AllDirectories)
            .Select(File.ReadAllText).ToList();

        var blocks = BlockPattern().Matches(page).Select(block => block.Groups[1].Value).ToList();

        Assert.Equal(8, blocks.Count);
        Assert.All(blocks, block => Assert.True(samples.Any(sample => sample.Contains(block, StringComparison.Ordinal)), block));
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex BlockPattern();
}
