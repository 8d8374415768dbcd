using System.Diagnostics;
using System.Text.RegularExpressions;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>
/// The demo's workspace with the local model, asked the same question by a command, by curl, by the C# sample and by an agent's client.
/// </summary>
public sealed partial class SearchSampleTests : IAsyncLifetime, IDisposable
{
    private const string Question = "mails come too late";
    private const string ServerKey = "server-0123456789abcdef";

    // The complaint; its cause comes after it.
    private const string Right = "Order confirmation e-mail arrives hours late";

    private readonly TestFolder _folder = new();
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        var sample = Path.Combine(Repository.Root, "src", "EmbeddingFunctions.Cli", "Samples", "sample-workspace.jsonl");
        (await Program().Run("migrate", "workspace", "--with-sample-tables")).Exits(0);
        (await Program().Run("import", "workspace", sample, "--workspace", "demo")).Exits(0);
        (await Program().Run("backfill", "workspace")).Exits(0);
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_question_in_plain_words_finds_the_right_issue_first_by_every_face()
    {
        var found = (await Program().Run("search", "workspace", Question, "--json")).Exits(0).Json;
        var first = found.GetProperty("results")[0].GetProperty("title").GetString()!;
        Assert.Equal(Right, first);
        Assert.Equal("hybrid", found.GetProperty("mode").GetString());

        await using var server = await Server.Start(Program().Set("EMBEDDINGS_API_KEY", ServerKey));
        var curl = File.ReadLines(Path.Combine(Repository.Root, "docs", "http-api.md"))
            .Single(line => line.Contains($"\"query\":\"{Question}\",\"limit\"", StringComparison.Ordinal));
        var answered = await Run("bash", ["-c", curl], new()
        {
            ["HOST"] = server.Address,
            ["KEY"] = $"x-functions-key: {ServerKey}",
        });
        Assert.StartsWith(
            $"\"title\":\"{first}\"", answered[answered.IndexOf("\"title\"", StringComparison.Ordinal)..], StringComparison.Ordinal);

        AssertFirst(first, await Run("dotnet", [Sample("Search", "SearchWorkspace"), Question], new()
        {
            ["CONNECTION_STRING"] = _database.ConnectionString,
            ["CORPORA_FILE"] = Path.Combine(Repository.Root, "src", "EmbeddingFunctions.Core", "Corpora", "corpora.json"),
        }));
        AssertFirst(
            first, await Run("dotnet", [Sample("Agent", "AskAsAnAgent"), Cli.Tests.Program.FullPath, Question], Program().Environment()));
    }

    private static void AssertFirst(string title, string printed)
    {
        var line = printed.Split('\n').FirstOrDefault(one => SimilarityPattern().IsMatch(one)) ?? "";
        Assert.True(line.Contains(title, StringComparison.Ordinal), printed);
    }

    [GeneratedRegex(@"\b0\.\d\d\b")]
    private static partial Regex SimilarityPattern();

    private static string Sample(string folder, string name) =>
        Path.Combine(Repository.Root, "artifacts", "bin", folder, "release", $"{name}.dll");

    // Of the local model.
    private Program Program() => new Program(_folder.Path)
        .Set("EMBEDDING_PROVIDER", "local").Set("DATABASE_URL", _database.ConnectionString).Set("EMBEDDINGS_SCHEDULE", "0 0 0 1 1 *");

    private static async Task<string> Run(string program, string[] arguments, Dictionary<string, string?> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var printed = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}\n{printed}");
        return printed;
    }
}
