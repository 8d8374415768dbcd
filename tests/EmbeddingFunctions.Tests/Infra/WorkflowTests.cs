using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Tests.Infra;

/// <summary>What the workflow runs is what was looked at.</summary>
public sealed partial class WorkflowTests
{
    [Fact]
    public void L5_Every_action_is_pinned_to_a_commit_and_says_its_version()
    {
        var lines = File.ReadLines(Path.Combine(BicepFolder.Root(), ".github", "workflows", "ci.yml"))
            .Where(line => line.Contains("uses:", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(lines);
        Assert.All(lines, line => Assert.Matches(Pinned(), line));
    }

    [GeneratedRegex(@"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")]
    private static partial Regex Pinned();
}
