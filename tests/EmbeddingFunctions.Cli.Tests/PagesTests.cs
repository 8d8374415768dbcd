using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The blocks of pages, run in their order on a database of their own, print what the page shows.</summary>
public sealed partial class PagesTests : IAsyncLifetime, IDisposable
{
    // On the page it stands for lines that are left out.
    private const string LeftOut = "[...]";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly TestFolder _folder = new();
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_walk_of_your_own_corpus_prints_what_the_page_shows()
    {
        var page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "your-own-corpus.md"));

        Assert.Equal((9, 6, 1), await Run(page));

        Assert.Equal(["run"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task The_first_commands_of_the_README_embed_a_table()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await _database.Execute(
            """
            CREATE TABLE articles (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, body text NOT NULL);
            INSERT INTO articles (title, body) SELECT 'Article ' || n, 'Its text' FROM generate_series(1, 3) n;
            """);
        var readme = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"));
        var (start, end) = (
            readme.IndexOf("## Your own table", StringComparison.Ordinal), readme.IndexOf("## How it works", StringComparison.Ordinal));

        Assert.Equal(
            (1, 0, 0),
            await Run(
                readme[start..end]
                    .Replace(
                        "# export OPENAI_API_KEY='sk-...'", $"export OPENAI_API_KEY='{fake.ApiKey}' OPENAI_BASE_URL='{fake.BaseUrl}'",
                        StringComparison.Ordinal)));

        Assert.Equal(1, fake.RequestCount);
    }

    /// <returns>The page's blocks of bash, SQL and JSON.</returns>
    private async Task<(int Bash, int Sql, int Json)> Run(string page)
    {
        var blocks = BlockPattern().Matches(page).Select(block => (Language: block.Groups[1].Value, Text: block.Groups[2].Value)).ToList();
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "run"), "shift; exec \"$PROGRAM\" \"$@\"\n");
        await using var shell = new Shell(_folder.Path);
        for (var i = 0; i < blocks.Count; i++)
        {
            var shown = i + 1 < blocks.Count && blocks[i + 1].Language == "text" ? blocks[i + 1].Text : null;
            await Do(blocks[i].Language, blocks[i].Text, shown, shell);
        }

        return (
            blocks.Count(block => block.Language == "bash"), blocks.Count(block => block.Language == "sql"),
            blocks.Count(block => block.Language == "json"));
    }

    private async Task Do(string language, string text, string? shown, Shell shell)
    {
        switch (language)
        {
            case "bash":
                var printed = await shell.Run(
                    text.Replace(
                        "'postgres://postgres:postgres@127.0.0.1:5432/postgres'", $"'{_database.ConnectionString}'",
                        StringComparison.Ordinal)
                    .Replace("./run ", "sh ./run ", StringComparison.Ordinal));
                AssertShown(
                    shown is null ? null : Lines(shown),
                    Lines(printed)
                        .Where(
                            line =>
                                !line.StartsWith("Provider: ", StringComparison.Ordinal)
                                    && !line.StartsWith("Database: ", StringComparison.Ordinal)),
                    text);
                break;
            case "sql" when shown is null:
                await _database.Execute(text);
                break;
            case "sql":
                await AssertRows(text, shown);
                break;
            case "json":
                Assert.True(
                    JsonNode.DeepEquals(
                        JsonNode.Parse(text), JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_folder.Path, "recipes.json")))));
                break;
        }
    }

    // What the page does not show at all is not compared.
    private static void AssertShown(IEnumerable<string>? shown, IEnumerable<string> printed, string command)
    {
        var (expected, actual) = ((shown ?? [LeftOut]).Select(Mask).ToList(), printed.Select(Mask).ToList());
        Assert.True(Shows(expected, actual), $"{command}\nprinted\n{string.Join('\n', actual)}");
    }

    private static bool Shows(List<string> expected, List<string> actual) => expected switch
    {
        [] => actual.Count == 0,
        [LeftOut, .. var rest] => Enumerable.Range(0, actual.Count + 1).Any(skipped => Shows(rest, actual[skipped..])),
        [var line, .. var rest] => actual.Count > 0 && actual[0] == line && Shows(rest, actual[1..]),
    };

    // The page says when a host needs a moment; on a busy machine it may be a longer one.
    private async Task AssertRows(string sql, string shown)
    {
        var (expected, actual) = (Cells(shown), new List<string>());
        for (var end = DateTime.UtcNow + _patience; DateTime.UtcNow < end && !expected.SequenceEqual(actual); await Task.Delay(100))
        {
            actual = await Answer(sql);
        }

        Assert.Equal(expected, actual);
    }

    private async Task<List<string>> Answer(string sql)
    {
        await using var command = _database.Source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        var cells = Enumerable.Range(0, reader.FieldCount).Select(reader.GetName).ToList();
        while (await reader.ReadAsync())
        {
            cells.AddRange(Enumerable.Range(0, reader.FieldCount).Select(i => FormattableString.Invariant($"{reader.GetValue(i)}")));
        }

        return cells;
    }

    // Of a table as psql prints it.
    private static List<string> Cells(string table) =>
        Lines(table).Where(line => !line.StartsWith("--", StringComparison.Ordinal) && !line.StartsWith('('))
        .SelectMany(line => line.Split('|')).Select(cell => cell.Trim()).ToList();

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    // Part of an index's name is a hash of what it is over; a line of the log begins with the moment and has the number of its event.
    private static string Mask(string line) => LogPattern().Replace(HashPattern().Replace(line, "_********"), "$1: $2[0]");

    [GeneratedRegex("^```([a-z]+)\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex BlockPattern();

    [GeneratedRegex(@"^[-0-9]+ [:0-9]+Z (\w+): ([.\w]+)\[-?\d+\]")]
    private static partial Regex LogPattern();

    [GeneratedRegex("_[0-9a-f]{8}")]
    private static partial Regex HashPattern();
}
