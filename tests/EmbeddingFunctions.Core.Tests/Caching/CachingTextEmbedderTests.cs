using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Caching;

/// <summary>What was paid for once is not paid for again, whatever became of the rows.</summary>
public sealed class CachingTextEmbedderTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestWorkspace _workspace = null!;
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _workspace = new TestWorkspace(_database);
        _engine = new TestEngine(_database, _fake);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task A_text_that_another_repository_has_too_is_taken_from_the_cache()
    {
        await _workspace.Items(await _workspace.Repository("acme/one"), 20);
        await _engine.Run();
        await _workspace.Items(await _workspace.Repository("acme/two"), 20);

        var outcome = await _engine.Run();

        Assert.Equal((20, 20, 0, 0L), (outcome.Counts.Embedded, outcome.Counts.Cached, outcome.Counts.Requests, outcome.Counts.Tokens));
        Assert.Equal((20L, 0L), (_fake.PaidInputCount, _fake.DuplicatePaidInputs));
        Assert.Empty(await _workspace.Stale());
    }

    [Fact]
    public async Task A_batch_of_known_and_new_texts_sends_the_new_ones_only()
    {
        var repository = await _workspace.Repository();
        await _workspace.Items(repository, 10);
        await _engine.Run();
        await _workspace.Items(repository, 15, "discussions", words: "other");
        await _workspace.Items(await _workspace.Repository("acme/two"), 18);

        var outcome = await _engine.Run();

        Assert.Equal((33, 10), (outcome.Counts.Embedded, outcome.Counts.Cached));
        Assert.Equal((10L + 15 + 8, 0L), (_fake.PaidInputCount, _fake.DuplicatePaidInputs));
        Assert.Empty(await _workspace.Stale());
        Assert.Empty(await _workspace.Stale("discussions", "[DISCUSSION]"));
    }

    [Fact]
    public async Task What_was_paid_when_no_row_could_be_written_is_stored_when_they_can()
    {
        await _workspace.Items(await _workspace.Repository(), 40);
        await _database.Execute(
            """
            CREATE FUNCTION no_writing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'read-only' USING ERRCODE = '25006';
                END $$;
            CREATE TRIGGER no_writing BEFORE UPDATE OF embedding ON issues FOR EACH ROW EXECUTE FUNCTION no_writing();
            """);
        Assert.Equal(RunStatus.Failed, (await _engine.Run()).Status);
        var paid = _fake.PaidInputCount;
        Assert.InRange(paid, 20, 40);
        await _database.Execute("DROP TRIGGER no_writing ON issues");

        var outcome = await _engine.Run();

        Assert.Equal((40, (int)paid), (outcome.Counts.Embedded, outcome.Counts.Cached));
        Assert.Equal((40L, 0L), (_fake.PaidInputCount, _fake.DuplicatePaidInputs));
        Assert.Empty(await _workspace.Stale());
    }

    [Fact]
    public async Task A_forced_run_pays_again_for_all_but_what_it_has_paid_itself()
    {
        await _workspace.Items(await _workspace.Repository(), 20);
        await _engine.Run();

        var outcome = await _engine.Run(new RunRequest("workspace", [], Force: true));

        Assert.Equal((20, 0, 40L), (outcome.Counts.Embedded, outcome.Counts.Cached, _fake.PaidInputCount));
    }

    [Fact]
    public async Task A_damaged_cache_costs_a_call_and_no_wrong_vector()
    {
        await _workspace.Items(await _workspace.Repository("acme/one"), 20);
        await _engine.Run();
        await _database.Execute("UPDATE embedding.cache SET entry = set_byte(entry, 20, get_byte(entry, 20) # 1)");
        await _workspace.Items(await _workspace.Repository("acme/two"), 20);

        Assert.Equal((20, 0), ((await _engine.Run()) is { Counts: var counts } ? (counts.Embedded, counts.Cached) : default));
        Assert.Empty(await _workspace.Stale());
    }
}
