using System.Text.Json;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Tests.Infra;

/// <summary>What workflows, containers and install scripts fetch is what was looked at.</summary>
public sealed partial class WorkflowTests
{
    private static readonly string _root = Deployment.Root();

    [Fact]
    public void L5_Every_action_is_pinned_to_a_commit_and_says_its_version()
    {
        var lines = Workflows().SelectMany(File.ReadLines).Where(line => line.Contains("uses:", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(lines);
        Assert.All(lines, line => Assert.Matches(PinnedAction(), line));
    }

    [Fact]
    public void L5_Every_image_is_pinned_to_a_version_and_the_same_everywhere()
    {
        var images = Workflows().Append(Local("compose.yaml")).Append(Local("postgres.sh"))
            .SelectMany(file => Image().Matches(File.ReadAllText(file))).Select(image => image.Value).ToList();

        Assert.Equal(["pgvector/pgvector:0.8.0-pg17", "redis:${{", "redis:8.0.3"], images.Distinct().Order());
        var versions = RedisVersions().Match(File.ReadAllText(Workflows().Single())).Groups[1].Value.Split(", ");
        Assert.All(versions, version => Assert.Matches(@"^\d+\.\d+\.\d+$", version));
        Assert.Contains("8.0.3", versions);
    }

    [Theory]
    [InlineData("embedded-postgres")]
    [InlineData("functions-tools")]
    public void L5_Every_npm_package_is_of_one_version_and_has_a_checksum(string folder)
    {
        using var wanted = JsonDocument.Parse(File.ReadAllText(Path.Combine(Local(folder), "package.json")));
        using var locked = JsonDocument.Parse(File.ReadAllText(Path.Combine(Local(folder), "package-lock.json")));
        var packages = locked.RootElement.GetProperty("packages").EnumerateObject().Where(package => package.Name.Length > 0).ToList();

        Assert.All(
            wanted.RootElement.GetProperty("dependencies").EnumerateObject(),
            dependency => Assert.Matches(@"^\d+\.\d+\.\d+$", dependency.Value.GetString()));
        Assert.NotEmpty(packages);
        Assert.All(packages, package => Assert.StartsWith("sha512-", package.Value.GetProperty("integrity").GetString()));
    }

    [Fact]
    public void L5_Npm_installs_what_is_locked_and_nothing_else_is_downloaded_and_run()
    {
        string[] scripts = [
            Path.Combine(_root, "run"), Path.Combine(_root, "infra", "prepare-database.sh"), Local("postgres.sh"), Local("functions.sh"),
            .. Workflows()];
        var lines = scripts.SelectMany(File.ReadLines).Select(line => line.Trim()).Where(line => !line.StartsWith('#')).ToList();

        Assert.Contains(lines, line => line.StartsWith("npm ci ", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => Unlocked().IsMatch(line));
    }

    private static IEnumerable<string> Workflows() => Directory.GetFiles(Path.Combine(_root, ".github", "workflows"));

    private static string Local(string name) => Path.Combine(_root, "infra", "local", name);

    [GeneratedRegex(@"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")]
    private static partial Regex PinnedAction();

    [GeneratedRegex(@"(?<![\w.-])(pgvector/pgvector|redis):[\w$][^\s]*")]
    private static partial Regex Image();

    [GeneratedRegex(@"redis: \[(.+)\]")]
    private static partial Regex RedisVersions();

    [GeneratedRegex(@"npm (install|i|exec) |\bnpx |(curl|wget)\b.*\|\s*(ba)?sh\b")]
    private static partial Regex Unlocked();
}
