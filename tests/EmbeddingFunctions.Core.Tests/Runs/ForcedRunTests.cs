using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

public sealed class ForcedRunTests : IAsyncLifetime
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
        await _workspace.Items(await _workspace.Repository(), 60);
        await _engine.Run();
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task B7_A_forced_run_embeds_each_item_once_and_an_unfinished_one_goes_on()
    {
        var paid = _fake.PaidInputCount;

        // The first forced run ends half-way.
        using (var stopping = new CancellationTokenSource())
        {
            var forced = _engine.Run(Forced(), progress => { if (progress.Counts.Embedded >= 20) { stopping.Cancel(); } }, stopping.Token);
            Assert.Equal(RunStatus.Cancelled, (await forced).Status);
        }

        var again = await _engine.Run(Forced());
        Assert.Equal(RunStatus.Completed, again.Status);
        Assert.InRange(again.Counts.Embedded, 1, 40);
        // What the interruption broke off may have been paid already: at most one batch in flight.
        Assert.InRange(_fake.PaidInputCount - paid, 60, 80);

        var third = await _engine.Run(Forced());
        Assert.Equal(60, third.Counts.Embedded);
    }

    [Fact]
    public async Task A_forced_run_whose_process_just_vanished_lends_its_moment()
    {
        await _engine.Run(Forced() with { Limit = 20 });
        await _database.Execute(
            "UPDATE embedding.jobs SET status = 'processing', completed_at = NULL, item_limit = NULL WHERE force_before IS NOT NULL");

        Assert.Equal(40, await Predicted());
        Assert.Equal(40, (await _engine.Run(Forced())).Counts.Embedded);
        Assert.Equal(60, await Predicted());
    }

    [Fact]
    public async Task Forced_runs_with_a_limit_go_on_one_after_the_other_and_are_reported()
    {
        var notes = new List<string?>();
        Assert.Equal(20, (await _engine.Run(Forced() with { Limit = 20 })).Counts.Embedded);
        Assert.Equal(20, (await _engine.Run(Forced() with { Limit = 20 })).Counts.Embedded);
        Assert.Equal(20, (await _engine.Run(Forced(), progress => notes.Add(progress.Note))).Counts.Embedded);
        Assert.Contains(notes, note => note?.StartsWith("going on with the forced run of", StringComparison.Ordinal) == true);
        Assert.Equal(60, (await _engine.Run(Forced())).Counts.Embedded);
    }

    [Fact]
    public async Task A_moment_of_yesterday_is_lent_no_more_and_one_of_another_scope_never()
    {
        await _engine.Run(Forced() with { Limit = 20 });
        Assert.Equal(60, (await _engine.Get<DryRun>().Predict(Forced() with { Kinds = ["issue"] }, default)).Items);
        await _database.Execute(
            "UPDATE embedding.jobs SET force_before = force_before - interval '25 hours' WHERE force_before IS NOT NULL");
        Assert.Equal(60, await Predicted());
    }

    [Fact]
    public async Task An_item_that_fails_in_a_forced_run_keeps_its_vector_and_is_tried_again_by_an_ordinary_one()
    {
        using (_fake.Script(Requests.All, Fault.BadInput()))
        {
            await _engine.Run(Forced() with { Limit = 1 });
        }

        Assert.Equal((60, 1), (await _workspace.Embedded(), await _database.Ask<long>("SELECT count(*) FROM embedding.failures")));
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM issues WHERE embedding IS NOT NULL AND embedding_rule IS NULL"));
        await _database.Execute("UPDATE embedding.claims SET retry_at = now() - interval '1 second'");
        Assert.Equal(1, (await _engine.Run()).Counts.Embedded);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.failures"));
    }

    private async Task<int> Predicted() => (await _engine.Get<DryRun>().Predict(Forced(), default)).Items;

    private static RunRequest Forced() => new("workspace", [], Force: true, Concurrency: 1);
}
