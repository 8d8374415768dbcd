using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;
using DeclaredCorpus = EmbeddingFunctions.Core.Tests.Storage.DeclaredCorpus;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Faults that users of other systems reported this year, tried here; tests/Faults/README.md lists them all.</summary>
public sealed class ReportedFaultTests : IAsyncLifetime
{
    private readonly string _file = Path.GetTempFileName();
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync()
    {
        File.Delete(_file);
        await _database.DisposeAsync();
    }

    [Theory]
    [InlineData(8_180, false)]
    [InlineData(8_191, true)]
    [InlineData(8_192, true)]
    [InlineData(8_193, true)]
    public async Task What_a_template_adds_is_counted_before_a_text_is_cut(int tokens, bool isCut)
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
        await _database.Execute("INSERT INTO notes VALUES (1, $1)", string.Concat(Enumerable.Repeat(" word", tokens)).Trim());
        await File.WriteAllTextAsync(
            _file,
            """
            {"corpora":[{"name":"notes","dimensions":64,"store":"column","maxCharacters":100000,
              "tables":[{"kind":"note","table":"notes","text":"[NOTE] {title}"}]}]}
            """);
        await using var engine = new TestEngine(_database, fake, settings => settings with { CorporaFile = _file });
        await engine.Get<Migrator>().Migrate(engine.Get<CorpusSet>().Get("notes"), withSampleTables: false, null, default);

        var run = await engine.Run(new RunRequest("notes", []));

        Assert.Equal((1, 0, 1), (run.Counts.Embedded, run.Counts.Failed, fake.RequestCount));
        Assert.InRange(FakeTokens.Count(fake.PaidInputs.Keys.Single()), 8_180, 8_192);
        Assert.StartsWith("[NOTE] word", fake.PaidInputs.Keys.Single(), StringComparison.Ordinal);
        Assert.Equal(isCut, await _database.Ask<int>("SELECT COALESCE(embedding_truncated, 0) FROM notes") > 0);
    }

    [Theory]
    [InlineData("column", "notes")]
    [InlineData("table", "embedding.vectors_notes_note")]
    public async Task Vectors_that_are_gone_under_a_current_hash_are_counted_and_made_again_by_one_rule(string store, string holder)
    {
        await using var corpus = await Notes(store, 36);
        await corpus.Run();
        await _database.Execute($"UPDATE {holder} SET embedding = NULL");

        var status = await corpus.Get<StatusReport>().Of("notes", default);
        Assert.Equal((36L, 0L), (status.Kinds.Single().Pending, status.Kinds.Single().Embedded));
        Assert.Equal(36, (await corpus.Run()).ItemsTotal);
        status = await corpus.Get<StatusReport>().Of("notes", default);
        Assert.Equal((0L, 36L), (status.Kinds.Single().Pending, status.Kinds.Single().Embedded));
        Assert.Equal(0, (await corpus.Get<Audit>().Of("notes", isRepaired: false, default)).Found["note"]);
        Assert.Equal(36L, await _database.Ask<long>($"SELECT count(embedding) FROM {holder}"));
        // One lost vector costs one, and not the table.
        await _database.Execute($"UPDATE {holder} SET embedding = NULL WHERE id = 7");
        Assert.Equal(1, (await corpus.Run()).ItemsTotal);
    }

    [Fact]
    public async Task A_row_that_the_next_model_cannot_embed_keeps_its_vector_and_is_named()
    {
        await using var before = await Notes("table", 3);
        await _database.Execute("UPDATE notes SET title = repeat('long ', 9000) WHERE id = 1");
        await before.Run();
        await using var after = Declare("table", 32, "fail");
        var generations = after.Get<GenerationSwitch>();

        var next = await generations.Begin("notes", null, default);
        await after.Run(name: next.Name);

        var state = (await generations.State("notes", isMeasured: false, default))!;
        Assert.Equal((3, 2, 1), (state.Kinds[0].Total, state.Kinds[0].Done, state.Kinds[0].Failed));
        Assert.Equal(3L, await _database.Ask<long>("SELECT count(embedding) FROM embedding.live_notes_note"));
        // There is a way back.
        await generations.Flip("notes", null, default);
        await generations.Flip("notes", null, default);
        Assert.Equal(3L, await _database.Ask<long>("SELECT count(embedding) FROM embedding.live_notes_note"));
    }

    [Fact]
    public async Task Rows_that_keep_coming_do_not_keep_the_index_from_being_built()
    {
        await using var corpus = await Notes("table", 2_000);
        Assert.False(await IsBuilt());
        using var ended = new CancellationTokenSource();
        var coming = Task.Run(async () =>
        {
            for (var id = 10_000; !ended.IsCancellationRequested; id++)
            {
                await _database.Execute("INSERT INTO notes VALUES ($1, 'late')", id);
                await Task.Delay(20);
            }
        });

        var isBuilt = false;
        for (var run = 0; run < 10 && !isBuilt; run++)
        {
            await corpus.Run();
            isBuilt = await IsBuilt();
        }

        await ended.CancelAsync();
        await coming;
        Assert.True(isBuilt);
    }

    private Task<bool> IsBuilt() => _database.Ask<bool>(
        "SELECT EXISTS (SELECT FROM pg_index WHERE indisvalid AND indexrelid = "
            + "to_regclass('embedding.embedding_hnsw_vectors_notes_note'))");

    private async Task<DeclaredCorpus> Notes(string store, int rows)
    {
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text)");
        await _database.Execute("INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, $1) n", rows);
        var corpus = Declare(store, 16, "truncate");
        await corpus.Migrate();
        return corpus;
    }

    private DeclaredCorpus Declare(string store, int dimensions, string longText) => new(
        _database.Source,
        $$"""
        {"corpora":[{"name":"notes","store":"{{store}}","dimensions":{{dimensions}},"startsPerMinute":1000,"maxCharacters":100000,
          "tables":[{"kind":"note","table":"notes","text":"{title}","longText":"{{longText}}"}]}]}
        """);
}
