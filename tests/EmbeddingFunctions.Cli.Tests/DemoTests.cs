using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Cli.Tests;

[Collection(EmbeddedFolder.Collection)]
public sealed partial class DemoTests
{
    [Fact]
    public async Task The_demo_works_in_an_empty_folder_and_again()
    {
        using var folder = new TestFolder();
        // Empty is unset: what the program does for a person without a key.
        var program = new Program(folder.Path).Set("EMBEDDING_PROVIDER", "");
        await using (var running = program.Start("demo"))
        {
            var first = (await running.Ended(TimeSpan.FromMinutes(2))).Exits(0)
                .Says("Provider: local, all-MiniLM-L6-v2 (neither a key nor a base URL is set)");
            Assert.Contains("Result:             Done", first.Out, StringComparison.Ordinal);
            Assert.Equal(3, CoveredPattern().Count(first.Out));
            Assert.Equal(21, SimilarPattern().Count(first.Out));
            Assert.Contains("My cart is emptied when I sign in", first.Out, StringComparison.Ordinal);
            Assert.Contains("Dark mode: several texts are unreadable", first.Out, StringComparison.Ordinal);
            Assert.Contains("5.2.0 closes immediately at startup", first.Out, StringComparison.Ordinal);
        }

        var second = (await program.Run("demo")).Exits(0);
        Assert.Contains("Result:             Nothing to do", second.Out, StringComparison.Ordinal);
        Assert.Equal(21, SimilarPattern().Count(second.Out));
    }

    [Fact]
    public async Task A_demo_of_a_git_history_that_is_none_is_a_mistake()
    {
        using var folder = await EmbeddedFolder.Create();
        (await new Program(folder.Path).Run("demo", "--git", folder.Path)).Exits(2).Says("has no readable git history");
    }

    [GeneratedRegex(@"^(issues|pull_requests|discussions) .*100\.00%", RegexOptions.Multiline)]
    private static partial Regex CoveredPattern();

    [GeneratedRegex(@"^    0\.\d\d  (issue|pull_request|discussion) ", RegexOptions.Multiline)]
    private static partial Regex SimilarPattern();
}
