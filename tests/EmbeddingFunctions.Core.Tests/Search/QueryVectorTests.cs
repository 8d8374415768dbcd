using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>A query's vector is by the rule of the rows, is paid for once, and is waited for no longer than a person waits.</summary>
public sealed class QueryVectorTests : IAsyncLifetime
{
    private const string Small = "text-embedding-3-small";
    private const string Large = "text-embedding-3-large";

    private readonly string _file = Path.GetTempFileName();
    private TestDatabase _database = null!;
    private FakeOpenAi _fake = null!;

    public async Task InitializeAsync()
    {
        (_database, _fake) = (await TestDatabase.Empty(), await FakeOpenAi.StartAsync());
        await _database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'late payments'), (2, 'sleeping cats')");
    }

    public async Task DisposeAsync()
    {
        await _fake.DisposeAsync();
        await _database.DisposeAsync();
        File.Delete(_file);
    }

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task A_query_is_embedded_by_the_model_of_the_rows_before_during_and_after_a_switch(string store)
    {
        await using (var before = Engine(Small, store))
        {
            await before.Get<Schema.Migrator>().Migrate(before.Get<CorpusSet>().Get("notes"), new(), null, default);
            await before.Run(new RunRequest("notes", []));
            // The fake's vectors of equal texts are equal within a model, and of two models they have nothing in common.
            Assert.Equal(1, (await Best(before)).Similarity!.Value, 3);
        }

        await using var after = Engine(Large, store);
        var generations = after.Get<GenerationSwitch>();
        await after.Run(new RunRequest((await generations.Begin("notes", null, default)).Name, []));
        Assert.Equal(1, (await Best(after)).Similarity!.Value, 3);
        // Another process flips: this one has the tables of before.
        await using (var other = Engine(Large, store))
        {
            await other.Get<GenerationSwitch>().Flip("notes", null, default);
        }

        Assert.Equal(1, (await Best(after)).Similarity!.Value, 3);
    }

    [Fact]
    public async Task A_query_is_paid_for_once_by_all_processes()
    {
        for (var process = 0; process < 2; process++)
        {
            await using var engine = Engine(Small, "table");
            await engine.Get<Schema.Migrator>().Migrate(engine.Get<CorpusSet>().Get("notes"), new(), null, default);
            await engine.Run(new RunRequest("notes", []));
            var paid = _fake.PaidInputCount;
            var first = await Ask(engine, "  payments\0 that are late ");
            var second = await Ask(engine, "payments that are late");

            Assert.Equal(process == 0 ? 1 : 0, _fake.PaidInputCount - paid);
            Assert.Equal((process == 1, true), (first.Timings.Cached, second.Timings.Cached));
        }
    }

    [Fact]
    public async Task A_provider_that_hangs_or_is_down_leaves_the_words_and_says_so()
    {
        await using var engine = Engine(Small, "table");
        await engine.Get<Schema.Migrator>().Migrate(engine.Get<CorpusSet>().Get("notes"), new(), null, default);
        await engine.Run(new RunRequest("notes", []));
        var released = new TaskCompletionSource();
        using var script = _fake.Script(Requests.All, Fault.Hang(released.Task));

        var begun = DateTime.UtcNow;
        var answer = await Ask(engine, "payments late");
        Assert.InRange(DateTime.UtcNow - begun, TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(10));
        released.SetResult();

        Assert.Equal((SearchMode.Text, "1", (double?)null), (answer.Mode, answer.Results[0].Id, answer.Results[0].Similarity));
        Assert.StartsWith("Searched by words only, because ", answer.Degraded, StringComparison.Ordinal);
        await _fake.GoDownAsync();
        await Assert.ThrowsAsync<SearchUnavailableException>(() => engine.Get<ISearch>().SearchAsync(
            new SearchRequest { Corpus = "notes", Query = "another", Mode = SearchMode.Vector }));
        Assert.Equal("1", (await Ask(engine, "late payments again")).Results[0].Id);
    }

    [Fact]
    public async Task A_row_whose_edit_cannot_be_embedded_is_not_found_by_its_old_text()
    {
        await using var engine = Engine(Small, "table");
        await engine.Get<Schema.Migrator>().Migrate(engine.Get<CorpusSet>().Get("notes"), new(), null, default);
        await engine.Run(new RunRequest("notes", []));
        await Ask(engine, "late payments");
        await _database.Execute("UPDATE notes SET title = 'barking dogs' WHERE id = 1");
        using (_fake.Script(Requests.All, Fault.BadInput()))
        {
            await engine.Run(new RunRequest("notes", []));
        }

        Assert.DoesNotContain((await Ask(engine, "late payments")).Results, result => result.Id == "1");
        await _database.Execute("UPDATE notes SET title = 'howling dogs' WHERE id = 1");
        await engine.Run(new RunRequest("notes", []));
        Assert.Equal("1", (await Ask(engine, "howling dogs")).Results[0].Id);
    }

    private static Task<SearchResponse> Ask(TestEngine engine, string query) =>
        engine.Get<ISearch>().SearchAsync(new SearchRequest { Corpus = "notes", Query = query });

    private static async Task<SearchResult> Best(TestEngine engine) => (await Ask(engine, "late payments")).Results[0];

    private TestEngine Engine(string model, string store)
    {
        File.WriteAllText(_file, JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "notes",
                    store,
                    dimensions = 64,
                    model,
                    startsPerMinute = 1_000,
                    tables = new[] { new { kind = "note", table = "notes", text = "{title}", search = new { language = "english" } } },
                },
            },
        }));
        return new TestEngine(
            _database, _fake,
            settings => settings with { CorporaFile = _file, Model = model, QueryTimeout = TimeSpan.FromMilliseconds(300) });
    }
}
