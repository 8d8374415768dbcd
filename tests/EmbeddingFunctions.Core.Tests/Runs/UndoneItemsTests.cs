using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Triggers of the owner's that make every written row look changed.</summary>
public sealed class UndoneItemsTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;
    private TestWorkspace _workspace = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _engine = new TestEngine(_database, _fake);
        _workspace = new TestWorkspace(_database);
        await _workspace.Items(await _workspace.Repository(), 20);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Theory]
    [InlineData("BEFORE UPDATE", "NEW.updated_at := clock_timestamp();")]
    [InlineData("AFTER UPDATE", "IF pg_trigger_depth() = 1 THEN UPDATE issues SET updated_at = clock_timestamp() WHERE id = NEW.id; END IF;")]
    public async Task Each_item_is_settled_once_in_a_run_and_the_trigger_that_undoes_it_is_named(string when, string body)
    {
        await _database.Execute(
            $"""
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;
            CREATE TRIGGER zzzz_touch {when} ON issues FOR EACH ROW EXECUTE FUNCTION touch();
            """);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        var outcome = await _engine.Run(stopping: patience.Token);

        Assert.Equal((RunStatus.Completed, 20, 20), (outcome.Status, outcome.Counts.Processed, _fake.PaidInputCount));
        Assert.Contains("20 issue items were settled and are pending again", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("(zzzz_touch)", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(outcome.Error, await _database.Ask<string>("SELECT error_message FROM embedding_jobs"));
        Assert.Equal((20, 20), ((await _engine.Run(stopping: patience.Token)).Counts.Unchanged, _fake.PaidInputCount));
    }

    [Fact]
    public async Task An_item_that_is_edited_while_its_run_goes_on_is_taken_again()
    {
        await _database.Execute(
            """
            CREATE FUNCTION edit() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN UPDATE issues SET title = 'edited' WHERE title = 'item 20'; RETURN NEW; END $$;
            CREATE TRIGGER edit AFTER INSERT ON embedding_batches FOR EACH ROW EXECUTE FUNCTION edit();
            """);

        var outcome = await _engine.Run();

        Assert.Equal((21, null), (outcome.Counts.Embedded, outcome.Error));
        Assert.Equal(0, await _workspace.Pending());
    }
}
