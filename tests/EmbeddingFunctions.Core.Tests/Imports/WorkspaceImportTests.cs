using System.Text;
using System.Text.Json;
using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Cli.Samples;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Imports;

public sealed class WorkspaceImportTests : IAsyncLifetime
{
    private const string SharedData = "../shared/data/workspace-items.jsonl.gz";

    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Migrated();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Items_of_each_kind_come_into_their_table_and_their_repository_into_the_workspace()
    {
        var imported = await Import(
            "team", Line("issue", "1", "I"), Line("pull_request", "1", "P"), Line("discussion", "1", "D"), Line("issue", "2", "J"));

        Assert.Equal((4, 4, 0), (imported.Read, imported.Written, imported.Bad));
        Assert.Equal(
            ["discussion D", "issue I", "issue J", "pull_request P"],
            (await _database.Rows("SELECT item_type || ' ' || title FROM items_needing_embeddings_priority ORDER BY 1"))
                .Select(row => row[0]));
        Assert.Equal(
            "a/b",
            await _database.Ask<string>(
                "SELECT full_name FROM workspace_repositories JOIN workspaces w ON w.id = workspace_id JOIN repositories r ON r.id = "
                    + "repository_id WHERE w.name = 'team' AND w.is_active"));
    }

    [Fact]
    public async Task Without_a_workspace_nothing_is_pending()
    {
        await Import(null, Line("issue", "1", "I"));

        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM issues"));
        Assert.Equal(0, await new TestWorkspace(_database).Pending());
    }

    [Fact]
    public async Task Done_twice_it_writes_nothing()
    {
        var lines = new[] { Line("issue", "1", "I"), Line("discussion", "1", "D") };
        await Import("team", lines);
        var before = await _database.Rows("SELECT id, xmin::text FROM issues UNION ALL SELECT id, xmin::text FROM discussions ORDER BY 1");

        var imported = await Import("team", lines);

        Assert.Equal((2, 0), (imported.Read, imported.Written));
        Assert.Equal(
            before, await _database.Rows("SELECT id, xmin::text FROM issues UNION ALL SELECT id, xmin::text FROM discussions ORDER BY 1"));
    }

    [Fact]
    public async Task Only_what_changed_is_written()
    {
        await Import("team", Line("issue", "1", "old"), Line("issue", "2", "stays"));

        var imported = await Import("team", Line("issue", "1", "new"), Line("issue", "2", "stays"));

        Assert.Equal((2, 1), (imported.Read, imported.Written));
        Assert.Equal(["new", "stays"], (await _database.Rows("SELECT title FROM issues ORDER BY 1")).Select(row => row[0]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1_500)]
    public async Task The_last_of_several_lines_with_one_key_wins(int between)
    {
        var others = Enumerable.Range(0, between).Select(n => Line("issue", $"other {n}", "other"));

        await Import(
            "team",
            [
                Line("issue", "1", "first"), .. others, Line("issue", "1", "last"),
                Line("issue", "1", "other repository", repository: "a/c"), Line("pull_request", "1", "other kind")]);

        Assert.Equal(
            ["last", "other repository"],
            (await _database.Rows("SELECT title FROM issues WHERE title <> 'other' ORDER BY 1")).Select(row => row[0]));
        Assert.Equal(between + 2, await _database.Ask<long>("SELECT count(*) FROM issues"));
    }

    [Fact]
    public async Task Bad_lines_are_counted_all_and_reported_up_to_a_hundred()
    {
        var imported = await Import("team", [Line("issue", "1", "I"), .. Enumerable.Repeat("not json", 150), Line("issue", "2", "J")]);

        Assert.Equal((2, 2, 150, 100), (imported.Read, imported.Written, imported.Bad, imported.BadLines.Count));
        Assert.Equal((2, 101), (imported.BadLines[0].Number, imported.BadLines[^1].Number));
    }

    [Fact]
    public async Task Texts_of_every_script_and_nul_come_in()
    {
        await Import("team", Line("issue", "1\0", "naïve 日本語 😀 \0 'quoted' \\ {x}", repository: "ä/ß\0"));

        Assert.Equal("naïve 日本語 😀  'quoted' \\ {x}", await _database.Ask<string>("SELECT title FROM issues"));
        Assert.Equal("ä/ß", await _database.Ask<string>("SELECT full_name FROM repositories"));
    }

    [Fact]
    public async Task Large_texts_are_written_before_they_fill_the_memory()
    {
        var body = new string('x', 3_000_000);

        var imported = await Import("team", Enumerable.Range(0, 4).Select(n => Line("issue", $"{n}", "large", body: body)).ToArray());

        Assert.Equal(4, imported.Written);
        Assert.Equal(12_000_000, await _database.Ask<long>("SELECT sum(length(body)) FROM issues"));
    }

    [Fact]
    public async Task An_empty_file_makes_nothing()
    {
        var imported = await Import("team");

        Assert.Equal((0, 0, 0), (imported.Read, imported.Written, imported.Bad));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM workspaces"));
    }

    [Fact]
    public async Task Without_the_sample_tables_it_says_what_to_do()
    {
        await using var empty = await TestDatabase.Empty();

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(
            () => new WorkspaceImport(empty.Source).ImportLines(Bytes(Line("issue", "1", "I")), null, default));

        Assert.Contains("embeddings migrate workspace --with-sample-tables", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_sample_workspace_is_of_three_repositories_and_holds_what_the_demo_asks_for()
    {
        await using var sample = SampleWorkspace.Open();

        var imported = await new WorkspaceImport(_database.Source).ImportLines(sample, "demo", default);

        Assert.Equal((imported.Read, 0), (imported.Written, imported.Bad));
        Assert.InRange(imported.Read, 90, 120);
        Assert.Equal(3, await _database.Ask<long>("SELECT count(*) FROM repositories"));
        Assert.Equal(3, await _database.Ask<long>("SELECT count(DISTINCT item_type) FROM items_needing_embeddings_priority"));
        foreach (var title in SampleWorkspace.Questions)
        {
            Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM items_needing_embeddings_priority WHERE title = $1", title));
        }
    }

    [Fact]
    public async Task The_real_items_come_in_whole_and_the_second_time_nothing_is_written()
    {
        var path = Path.Combine(Repository.Root, SharedData);
        if (!File.Exists(path))
        {
            return;
        }

        var import = new WorkspaceImport(_database.Source);
        await using var first = File.OpenRead(path);
        await using var second = File.OpenRead(path);

        var imported = await import.ImportLines(first, "team", default);
        var again = await import.ImportLines(second, "team", default);

        Assert.Equal((24_194, 24_194, 0), (imported.Read, imported.Written, imported.Bad));
        Assert.Equal((24_194, 0, 0), (again.Read, again.Written, again.Bad));
        Assert.Equal(24_194, await new TestWorkspace(_database).Pending());
    }

    private Task<ImportedItems> Import(string? workspace, params string[] lines) =>
        new WorkspaceImport(_database.Source).ImportLines(Bytes(lines), workspace, default);

    private static MemoryStream Bytes(params string[] lines) => new(Encoding.UTF8.GetBytes(string.Join('\n', lines)));

    private static string Line(string kind, string key, string title, string repository = "a/b", string? body = null) =>
        JsonSerializer.Serialize(new { kind, repository, number = 1, key, title, body, updated_at = 1_700_000_000 });
}
