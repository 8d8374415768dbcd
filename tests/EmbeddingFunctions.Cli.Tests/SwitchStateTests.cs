using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What <c>embeddings status</c> and <c>embeddings switch --questions</c> say of a switch.</summary>
public sealed class SwitchStateTests : IAsyncLifetime
{
    private readonly TestFolder _folder = new();
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id bigint PRIMARY KEY, code text, title text);
            INSERT INTO notes SELECT n, md5(n::text), 'note ' || n || ' about the number ' || n FROM generate_series(1, 30) n
            """);
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_state_has_the_scores_of_both_generations()
    {
        (await Program("{code}").Run("migrate", "notes")).Exits(0);
        (await Program("{code}").Run("backfill", "notes")).Exits(0);
        var file = File("""
            {"question": "note about number 7", "expected": ["note:7"]}

            {"question": "note about number 12", "expected": {"note:12": 3, "note:2": 1}}
            """);

        var filled = Ended(await Program("{title}").Run("switch", "notes", "--yes", "--questions", file, "--json"));
        var shown = Ended(await Program("{title}").Run("switch", "notes", "--state", "--questions", file));

        var scores = filled.Json.GetProperty("switch").GetProperty("questions");
        Assert.Equal((2, 1d), (scores.GetProperty("questions").GetInt32(), scores.GetProperty("other").GetProperty("mrr").GetDouble()));
        Assert.InRange(scores.GetProperty("live").GetProperty("ndcg").GetDouble(), 0, 0.7);
        Assert.Contains("2 questions: nDCG@10 ", shown.Out, StringComparison.Ordinal);
        Assert.Contains(", MRR@10 1.000 (live ", shown.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_status_shows_a_switch_that_is_under_way_and_how_it_goes_on()
    {
        (await Program("{code}").Run("migrate", "notes")).Exits(0);
        (await Program("{code}").Run("backfill", "notes")).Exits(0);
        Assert.DoesNotContain("Switch:", (await Program("{code}").Run("status", "notes")).Exits(0).Out, StringComparison.Ordinal);
        Ended(await Program("{title}").Run("switch", "notes", "--yes"));
        await _database.Execute("UPDATE embedding.\"vectors_notes@2_note\" SET embedding_rule = NULL WHERE id <= 10");

        var text = (await Program("{title}").Run("status", "notes")).Exits(0).Out;
        var answer = (await Program("{title}").Run("status", "notes", "--json")).Exits(0).Json;
        var json = answer.GetProperty("corpora")[0].GetProperty("switch");

        Assert.Contains(
            "Switch: generation 2 (lexical-1, 256 dimensions) has 20 of 30 done, 0 failed, 10 behind the live generation 1; 0 tokens",
            text, StringComparison.Ordinal);
        Assert.Contains("'embeddings switch notes --yes' goes on.", text, StringComparison.Ordinal);
        Assert.Equal((2, 20, 10), (
            json.GetProperty("generation").GetInt32(), json.GetProperty("done").GetInt32(), json.GetProperty("behind").GetInt32()));
        Assert.Contains("10 of 30 note wait", json.GetProperty("obstacles")[0].GetString(), StringComparison.Ordinal);
        (await Program("{title}").Run("switch", "notes", "--flip", "--yes")).Exits(0);
        Assert.Contains("--rollback", (await Program("{title}").Run("status")).Exits(0).Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"question": "q", "expected": ["note:1"]}{""", "line 1: it is not JSON")]
    [InlineData("""["note:1"]""", "line 1: it is not a JSON object")]
    [InlineData("""{"expected": ["note:1"]}""", "line 1: it has no 'question'")]
    [InlineData("""{"question": "  ", "expected": ["note:1"]}""", "line 1: its 'question' is blank")]
    [InlineData("""{"question": "q"}""", "line 1: it has no 'expected'")]
    [InlineData("""{"question": "q", "expected": []}""", "line 1: its 'expected' names no item")]
    [InlineData("""{"question": "q", "expected": [1]}""", "line 1: an item of its 'expected' is not text")]
    [InlineData("""{"question": "q", "expected": ["seven"]}""", "line 1: 'seven' is no item")]
    [InlineData("""{"question": "q", "expected": ["note:1", "note:1"]}""", "line 1: its 'expected' names note:1 twice")]
    [InlineData("""{"question": "q", "expected": {"note:1": 0}}""", "line 1: a grade is a whole number from 1 to 100")]
    [InlineData("", "has 0 questions")]
    public async Task A_file_that_cannot_be_used_is_refused_with_line_and_cause(string content, string words)
    {
        var refused = await Program("{title}").Run("switch", "notes", "--state", "--questions", File(content));

        refused.Exits(2).Says(words);
    }

    [Fact]
    public async Task Every_bad_line_is_named_and_so_is_an_item_that_is_not_there()
    {
        (await Program("{code}").Run("migrate", "notes")).Exits(0);
        var good = """{"question": "q", "expected": ["note:1", "note:31"]}""";

        (await Program("{title}").Run("switch", "notes", "--yes", "--questions", File($"{good}\nx\n{good}\n{{}}")))
            .Exits(2).Says("line 2: it is not JSON").Says("line 4: it has no 'question'");
        (await Program("{title}").Run("switch", "notes", "--yes", "--questions", File(good))).Exits(2).Says("'notes' has no note:31");
        (await Program("{title}").Run("switch", "notes", "--questions", Path.Combine(_folder.Path, "none"))).Exits(2)
            .Says("cannot be read");
        (await Program("{title}").Run("switch", "notes", "--flip", "--questions", File(good))).Exits(2).Says("goes with --state");
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM embedding.generations"));
    }

    // How fast a search is depends on what else the machine does, and may keep the gate shut.
    private static Result Ended(Result result) => result.ExitCode == 3 ? result : result.Exits(0);

    private string File(string content)
    {
        var path = Path.Combine(_folder.Path, $"{Guid.NewGuid():N}.jsonl");
        System.IO.File.WriteAllText(path, content);
        return path;
    }

    private Program Program(string text)
    {
        var file = Path.Combine(_folder.Path, "corpora.json");
        System.IO.File.WriteAllText(
            file,
            $$"""
            { "corpora": [ { "name": "notes", "dimensions": 256, "store": "table", "startsPerMinute": 1000,
                "tables": [ { "kind": "note", "table": "notes", "text": "{{text}}" } ] } ] }
            """);
        return new Program(_folder.Path).Set("DATABASE_URL", _database.ConnectionString).Set("CORPORA_FILE", file)
            .Set("EMBEDDING_PROVIDER", "lexical");
    }
}
