using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Texts that the estimate lets through and a server refuses, which takes 512 tokens and counts every character as one.</summary>
public sealed class TooLongForProviderTests : IAsyncLifetime
{
    private const string Model = "bge-m3";
    private const int Dimensions = 16;
    private const int MaxTokens = 512;

    private readonly string _file = Path.GetTempFileName();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync(new()
        {
            Models = new Dictionary<string, int> { [Model] = 1_024 },
            MaxInputTokens = MaxTokens,
            CountTokens = text => text.Length,
        });
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
    }

    public async Task DisposeAsync()
    {
        File.Delete(_file);
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task A_text_is_cut_by_the_count_that_the_refusal_names_and_its_row_says_by_how_much()
    {
        await using var engine = await Engine("truncate");
        await Note(1, "short");
        await Note(2, new string('x', 700));
        await Note(3, "short too");

        var run = await Run(engine);

        Assert.Equal((3, 0, 0L), (run.Counts.Embedded, run.Counts.Failed, _fake.DuplicatePaidInputs));
        Assert.InRange(_fake.RequestCount, 3, 7);
        var row = Assert.Single(await _database.Rows("SELECT embedding::real[], embedding_truncated FROM notes WHERE id = 2"));
        var sent = _fake.PaidInputs.Keys.Single(text => text.StartsWith('x'));
        Assert.InRange(sent.Length, MaxTokens * 95 / 100, MaxTokens);
        Assert.Equal(700 - sent.Length, (int)row[1]!);
        Assert.All(FakeVector.Of(sent, Model, Dimensions).Zip((float[])row[0]!), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.Equal(0, (await Run(engine)).ItemsTotal);
    }

    [Fact]
    public async Task A_refusal_of_a_text_that_is_then_cut_says_nothing_of_how_many_inputs_are_accepted()
    {
        await using var engine = await Engine("truncate");
        await Note(1, new string('x', 700));
        await Notes(2, 19);
        await Run(engine);
        await Notes(21, 20);

        var run = await Run(engine);

        Assert.Equal((20, 1), (run.Counts.Embedded, run.Counts.Requests));
    }

    [Fact]
    public async Task The_vector_of_a_text_that_was_cut_is_paid_for_once_and_tells_each_row_what_was_cut()
    {
        await using var engine = await Engine("truncate");
        await Note(1, new string('x', 700));
        await Run(engine);
        await Note(2, new string('x', 700));

        var run = await Run(engine);

        Assert.Equal((1, 1, 1L), (run.Counts.Embedded, run.Counts.Cached, _fake.PaidInputCount));
        var truncated = await _database.Rows("SELECT embedding_truncated FROM notes ORDER BY id");
        Assert.Equal(truncated[0][0], truncated[1][0]);
        Assert.InRange((int)truncated[1][0]!, 700 - MaxTokens, 700);
    }

    [Fact]
    public async Task A_row_that_is_only_touched_still_says_what_was_cut_and_pays_nothing()
    {
        await using var engine = await Engine("truncate");
        await Note(1, new string('x', 700));
        await Run(engine);
        var truncated = await _database.Ask<int>("SELECT embedding_truncated FROM notes");
        await _database.Execute("UPDATE notes SET embedding_rule = NULL");

        var run = await Run(engine);

        Assert.Equal(
            (1, 1L, truncated),
            (run.Counts.Cached, _fake.PaidInputCount, await _database.Ask<int>("SELECT embedding_truncated FROM notes")));
        Assert.InRange(truncated, 700 - MaxTokens, 700);
    }

    [Fact]
    public async Task A_text_is_cut_again_where_its_beginning_is_denser_than_its_end()
    {
        await using var fake = await FakeOpenAi.StartAsync(new()
        {
            Models = new Dictionary<string, int> { [Model] = 1_024 },
            MaxInputTokens = MaxTokens,
            CountTokens = text => text.Sum(c => c == 'x' ? 1 : 0),
        });
        await using var engine = await Engine("truncate", fake);
        await Note(1, new string('x', 600) + new string('y', 300));

        var run = await Run(engine);

        Assert.Equal((1, 0), (run.Counts.Embedded, run.Counts.Failed));
        Assert.InRange(fake.PaidInputs.Keys.Single().Length, MaxTokens * 90 / 100, MaxTokens);
    }

    [Fact]
    public async Task A_refusal_in_the_words_of_another_server_is_understood()
    {
        const string Words = """{"error":"Input validation error: `inputs` must have less than 512 tokens. Given: 600","error_type":"Validation"}""";
        await using var engine = await Engine("truncate");
        await Note(1, "short");
        await Note(2, "y" + new string('x', 400));
        using var tooLong = _fake.Script(Requests.WithInput(text => text.Length > 350), Fault.Status(413, Words));

        var run = await Run(engine);

        Assert.Equal((2, 0), (run.Counts.Embedded, run.Counts.Failed));
    }

    [Theory]
    [InlineData("fail")]
    [InlineData("chunk")]
    public async Task Where_a_text_may_not_be_cut_the_item_fails_with_the_providers_words(string longText)
    {
        await using var engine = await Engine(longText);
        await Note(1, "short");
        await Note(2, new string('x', 700));

        var run = await Run(engine);

        Assert.Equal((1, 1), (run.Counts.Embedded, run.Counts.Failed));
        Assert.Contains(
            "maximum context length is 512 tokens", await _database.Ask<string>("SELECT reason FROM embedding.failures"),
            StringComparison.Ordinal);
    }

    private async Task<TestEngine> Engine(string longText, FakeOpenAi? fake = null)
    {
        object table = longText == "chunk"
            ? new { kind = "note", table = "notes", text = "{title}", longText, chunks = new { table = "note_chunks" } }
            : new { kind = "note", table = "notes", text = "{title}", longText };
        await File.WriteAllTextAsync(_file, System.Text.Json.JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "notes", model = Model, dimensions = Dimensions, store = "column", startsPerMinute = 1_000,
                    tables = new[] { table },
                },
            },
        }));
        var engine = new TestEngine(_database, fake ?? _fake, settings => settings with { CorporaFile = _file });
        await engine.Get<Migrator>().Migrate(engine.Get<CorpusSet>().Get("notes"), withSampleTables: false, null, default);
        return engine;
    }

    private static Task<RunOutcome> Run(TestEngine engine) => engine.Run(new RunRequest("notes", []));

    private Task Notes(int first, int count) =>
        _database.Execute("INSERT INTO notes SELECT n, 'short ' || n FROM generate_series($1, $2) n", first, first + count - 1);

    private Task Note(long id, string text) => _database.Execute("INSERT INTO notes VALUES ($1, $2)", id, text);
}
