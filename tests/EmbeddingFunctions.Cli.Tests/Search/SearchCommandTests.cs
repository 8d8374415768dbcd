using System.Text.Json;

namespace EmbeddingFunctions.Cli.Tests.Search;

/// <summary>The commands <c>search</c> and <c>similar</c>: their options, what they print, and how they refuse.</summary>
public sealed class SearchCommandTests(SearchedWorkspace workspace) : IClassFixture<SearchedWorkspace>
{
    private const string Question = "order confirmation e-mail";
    private const string Complaint = "Order confirmation e-mail arrives hours late";

    [Fact]
    public async Task The_object_has_all_that_the_api_s_answer_has()
    {
        var answer = await Ask("search", "workspace", Question, "--limit", "2");

        Assert.Equal(
            ["corpus", "degraded", "mode", "next", "plan", "query", "results", "timings"], Names(answer));
        Assert.Equal(
            ("workspace", Question, "hybrid"),
            (answer.GetProperty("corpus").GetString(), answer.GetProperty("query").GetString(), answer.GetProperty("mode").GetString()));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("degraded").ValueKind);
        Assert.Equal(["candidates", "text", "vector"], Names(answer.GetProperty("plan")));
        Assert.Equal(["cached", "embedding", "sql", "total"], Names(answer.GetProperty("timings")));
        var result = answer.GetProperty("results")[0];
        Assert.Equal(
            [
                "id", "kind", "partition", "score", "similarity", "snippet", "stale", "textRank", "title", "truncated", "vectorRank",
            ],
            Names(result));
        Assert.Equal(("issue", Complaint), (result.GetProperty("kind").GetString(), result.GetProperty("title").GetString()));
        Assert.Equal(workspace.Repositories["acme/storefront"], result.GetProperty("partition").GetString());
        Assert.InRange(result.GetProperty("similarity").GetDouble(), 0.2, 1);
        Assert.Equal(1, result.GetProperty("vectorRank").GetInt32());
    }

    [Fact]
    public async Task A_person_reads_a_bar_the_ranks_the_kind_the_title_and_a_passage()
    {
        var printed = (await workspace.Program().Run("search", "workspace", Question, "--limit", "1")).Exits(0).Out;

        Assert.Matches(@"^  1  █+░* 0\.\d\d  issue:[0-9a-f-]{36}  meaning 1, words \d", printed);
        Assert.Contains($"     {Complaint}", printed, StringComparison.Ordinal);
        // The passage is below the title.
        Assert.Matches($@"{Complaint} *\r?\n {{5}}\S", printed);
        Assert.Matches(@"\d+ ms \(\d+ for the query's vector\); more: --cursor \S+", printed);
    }

    [Fact]
    public async Task Options_narrow_what_is_found()
    {
        var mobile = workspace.Repositories["acme/mobile"];
        var kinds = await Ask("search", "workspace", Question, "--kind", "issue", "--kind", "discussion", "--limit", "50");
        var partition = await Ask("search", "workspace", Question, "--partition", mobile);
        var near = await Ask("search", "workspace", Question, "--mode", "vector", "--min-similarity", "0.3");
        var none = await Ask("search", "workspace", Question, "--where", "created_at<2001-01-01");
        var all = await Ask("search", "workspace", Question, "--where", "created_at>=2001-01-01", "--where", $"title={Complaint}");
        var words = await Ask("search", "workspace", Question, "--mode", "text", "--limit", "3");
        var exact = await Ask("search", "workspace", Question, "--exact");

        Assert.Equal(["discussion", "issue"], Texts(kinds, "kind").Distinct().Order());
        Assert.Equal([mobile], Texts(partition, "partition").Distinct());
        Assert.All(Results(near), result => Assert.True(result.GetProperty("similarity").GetDouble() >= 0.3));
        Assert.NotEmpty(Results(near));
        Assert.Empty(Results(none));
        Assert.Equal([Complaint], Texts(all, "title"));
        Assert.All(Results(words), result => Assert.Equal(JsonValueKind.Null, result.GetProperty("vectorRank").ValueKind));
        Assert.Equal("exact", exact.GetProperty("plan").GetProperty("vector").GetString());
    }

    [Fact]
    public async Task A_cursor_shows_the_page_after()
    {
        var whole = await Ask("search", "workspace", Question, "--limit", "4");
        var first = await Ask("search", "workspace", Question, "--limit", "2");

        var second = await Ask(
            "search", "workspace", Question, "--limit", "2", "--cursor", first.GetProperty("next").GetString()!);

        Assert.Equal(4, Texts(first, "id").Concat(Texts(second, "id")).Distinct().Count());
        Assert.Equal(Texts(whole, "id").Take(2), Texts(first, "id"));
    }

    [Fact]
    public async Task What_was_edited_since_is_shown_where_that_is_asked_for()
    {
        const string Old = "Sitemap lists deleted products";
        await workspace.Execute("UPDATE issues SET title = 'Quokka', body = 'Wombat' WHERE title = $1", Old);
        try
        {
            var ordinary = await Ask("search", "workspace", Old, "--mode", "vector", "--limit", "100");
            var stale = await Ask("search", "workspace", Old, "--mode", "vector", "--include-stale", "--limit", "1");

            Assert.DoesNotContain("Quokka", Texts(ordinary, "title"));
            Assert.Equal(["Quokka"], Texts(stale, "title"));
            Assert.True(stale.GetProperty("results")[0].GetProperty("stale").GetBoolean());
            var printed = await workspace.Program().Run("search", "workspace", Old, "--mode", "vector", "--include-stale", "--limit", "1");
            Assert.Contains("(of an earlier text)", printed.Exits(0).Out, StringComparison.Ordinal);
        }
        finally
        {
            await workspace.Execute("DELETE FROM issues WHERE title = 'Quokka'");
        }
    }

    [Fact]
    public async Task Similar_shows_others_of_its_partition_or_of_all()
    {
        var id = await workspace.Ask<string>("SELECT id::text FROM issues WHERE title = $1", Complaint);

        var own = await Ask("similar", "workspace", $"issue:{id}", "--limit", "3");
        var all = await Ask("similar", "workspace", $"issue:{id}", "--limit", "50", "--partition", "*");

        Assert.Equal(3, Results(own).Count);
        Assert.DoesNotContain(id, Texts(own, "id"));
        Assert.Equal([workspace.Repositories["acme/storefront"]], Texts(own, "partition").Distinct());
        Assert.Equal(3, Texts(all, "partition").Distinct().Count());
        Assert.Equal("vector", own.GetProperty("mode").GetString());
    }

    [Fact]
    public async Task A_corpus_without_words_says_so_and_is_searched_by_meaning()
    {
        await using var database = await EmbeddingFunctions.Testing.TestDatabase.Empty();
        var program = new Program(Path.GetTempPath()).Set("DATABASE_URL", database.ConnectionString)
            .Set("EMBEDDING_QUERY_TIMEOUT_MS", "20000");
        (await program.Run("migrate", "clips", "--with-sample-tables")).Exits(0);
        await database.Execute(
            "INSERT INTO clips (title, creator_name, broadcaster_name) VALUES ('a cat on a piano', 'a', 'a'), ('the weather', 'b', 'b')");
        (await program.Run("backfill", "clips")).Exits(0);

        var hybrid = (await program.Run("search", "clips", "a cat on a piano", "--json")).Exits(0).Json;
        var words = (await program.Run("search", "clips", "piano", "--mode", "text")).Exits(0).Out;

        Assert.Equal("a cat on a piano", Texts(hybrid, "title")[0]);
        Assert.Contains(
            "clip has no search by words: declare 'search' for it", hybrid.GetProperty("degraded").GetString(), StringComparison.Ordinal);
        Assert.Contains("declare 'search'", words.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Contains("Nothing was found.", words, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("search nothing cat", "There is no corpus 'nothing'")]
    [InlineData("search workspce cat", "do you mean 'workspace'?")]
    [InlineData("search documents cat", "embeddings migrate documents")]
    [InlineData("search workspace cat --mode magic", "magic")]
    [InlineData("search workspace cat --kind memo", "memo")]
    [InlineData("search workspace cat --limit 101", "--limit takes a whole number from 1 to 100, not '101'.")]
    [InlineData("search workspace cat --where state", "--where takes a column, a comparison and a value, such as state=open, not 'state'.")]
    [InlineData("search workspace cat --where password=x", "password")]
    [InlineData("search workspace cat --where created_at=never", "A value does not fit its column")]
    [InlineData("search workspace cat --min-similarity 2", "minSimilarity")]
    [InlineData("search workspace cat --cursor bogus", "cursor")]
    [InlineData("similar workspace 42", "An item is written as its kind, a colon and its id, not '42'.")]
    [InlineData("similar workspace memo:42", "memo")]
    [InlineData("similar workspace issue:00000000-0000-4000-8000-0000000000ff", "There is no item issue:00000000-")]
    [InlineData("similar workspace issue:42", "42")]
    [InlineData("recall nothing", "There is no corpus 'nothing'")]
    public async Task What_cannot_be_asked_is_refused_with_what_to_do(string command, string message)
    {
        var result = (await workspace.Program().Run([.. command.Split(' '), "--json"])).Exits(2).Says(message);

        Assert.Equal(2, result.Number("exitCode"));
        Assert.DoesNotContain(" at EmbeddingFunctions", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Recall_is_measured_printed_and_kept_for_the_status()
    {
        var program = workspace.Program();
        Assert.Empty((await program.Run("status", "workspace", "--json")).Exits(0).Json
            .GetProperty("corpora")[0].GetProperty("recalls").EnumerateArray());

        var printed = (await program.Run("recall", "workspace", "--k", "5", "--queries", "20")).Exits(0).Out;
        var json = (await program.Run("recall", "workspace", "--k", "5", "--queries", "20", "--json")).Exits(0).Json;

        Assert.Matches(
            @"issue: recall@5 is (1\.000|0\.\d{3}) with ef_search 100; by the index \d+\.\d ms \(p95 \d+\.\d\), exactly \d+\.\d ms "
                + @"\(p95 \d+\.\d\); 0\.95 takes ef_search \d+, 0\.99 (\d+|above 800)", printed);
        Assert.Equal(3, printed.Split("recall@5").Length - 1);
        var issues = json.GetProperty("recalls").EnumerateArray().Single(one => one.GetProperty("kind").GetString() == "issue");
        Assert.Equal((5, 20), (issues.GetProperty("neighbours").GetInt32(), issues.GetProperty("queries").GetInt32()));
        // Of so few rows the index misses next to nothing.
        Assert.InRange(issues.GetProperty("recall").GetDouble(), 0.9, 1);

        var kept = (await program.Run("status", "workspace", "--json")).Exits(0).Json.GetProperty("corpora")[0].GetProperty("recalls");
        Assert.Equal(3, kept.GetArrayLength());
        Assert.Equal(
            issues.GetProperty("recall").GetDouble(),
            kept.EnumerateArray().Single(one => one.GetProperty("kind").GetString() == "issue").GetProperty("recall").GetDouble());
        Assert.Matches(
            @"Search of issue: recall@5 [01]\.\d{3}, p95 \d+\.\d ms, measured \d{4}-\d\d-\d\d \d\d:\d\d UTC\.",
            (await program.Run("status", "workspace")).Exits(0).Out);
    }

    private async Task<JsonElement> Ask(params string[] arguments) =>
        (await workspace.Program().Run([.. arguments, "--json"])).Exits(0).Json;

    private static List<JsonElement> Results(JsonElement answer) => [.. answer.GetProperty("results").EnumerateArray()];

    private static List<string?> Texts(JsonElement answer, string name) =>
        Results(answer).ConvertAll(result => result.GetProperty(name).GetString());

    private static IEnumerable<string> Names(JsonElement one) => one.EnumerateObject().Select(property => property.Name).Order();
}
