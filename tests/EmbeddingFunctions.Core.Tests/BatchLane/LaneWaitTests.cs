using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Core.Tests.BatchLane;

/// <summary>While batches are on their way: edits, other runs, other hosts, the end of the day.</summary>
public sealed class LaneWaitTests : LaneTest
{
    private const int Items = 10;

    private Guid _repository;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _repository = await Workspace.Repository();
        await Workspace.Items(_repository, Items);
        Fake.Batches.Duration = TimeSpan.FromHours(1);
    }

    [Fact]
    public async Task No_run_takes_an_item_that_is_on_its_way_and_one_that_was_edited_is_free_at_once()
    {
        var run = await Begin();
        await Step();
        await Engine.Get<RunJanitor>().Tidy("workspace", default);

        Assert.Equal(0, (await Engine.Run()).Counts.Claimed);
        await Database.Execute("UPDATE issues SET title = 'edited' WHERE title = 'item 3'");
        Assert.Equal(1, (await Engine.Run()).Counts.Embedded);
        Clock.Advance(TimeSpan.FromHours(2));
        var ended = await Finish(run);

        Assert.Equal(("completed", Items - 1), (ended.Status, ended.ItemsProcessed));
        Assert.Equal(1, (await Engine.Get<RunQueries>().Sum(run, default)).Changed);
        Assert.Equal(Items, await Workspace.Embedded());
        Assert.Equal((Items + 1, 0), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        await AssertWhole();
    }

    [Fact]
    public async Task A_deleted_item_is_superseded_and_a_forgotten_one_leaves_nothing()
    {
        var run = await Begin();
        await Step();
        var forgotten = await Database.Ask<string>("SELECT id FROM issues WHERE title = 'item 5'");
        await Database.Execute("DELETE FROM issues WHERE title = 'item 4'");

        await Engine.Get<Erasure>().Forget("workspace", "issue", forgotten!, default);
        Assert.Equal(0, await Count($"embedding.lane_items WHERE item_id = '{forgotten}'"));
        Assert.Equal("ignored", await Database.Ask<string>("SELECT embedding_state FROM issues WHERE id = $1", forgotten));
        Assert.Equal(Items - 2, await Workspace.Pending());
        Clock.Advance(TimeSpan.FromHours(2));
        var ended = await Finish(run);

        var counts = await Engine.Get<RunQueries>().Sum(run, default);
        Assert.Equal((Items - 2, 1), (counts.Embedded, counts.Changed));
        Assert.Equal("completed", ended.Status);
        Assert.Equal(0, await Count($"issues WHERE id = '{forgotten}' AND embedding IS NOT NULL"));
        Assert.Equal(Items - 1, await Count("embedding.cache"));
    }

    [Fact]
    public async Task Of_two_hosts_that_look_at_once_one_takes_the_run()
    {
        await using var other = NewEngine();
        var run = await Begin();
        await Database.Execute("UPDATE embedding.lane_runs SET next_at = now()");

        var taken = await Task.WhenAll(
            Engine.Get<LaneRuns>().Advance(run, default), other.Get<LaneRuns>().Advance(run, default));

        Assert.Equal([false, true], taken.Order());
        Assert.Single(Fake.Batches.All);
        Clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(Items, (await Finish(run, other)).ItemsProcessed);
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task A_host_without_the_interface_leaves_the_run_alone_and_a_tick_of_one_with_it_moves_it_on()
    {
        var run = await Begin();
        await using var lexical = NewEngine(settings => settings with { Provider = ProviderChoice.Lexical });

        Assert.False(await Step(lexical));
        for (var tick = 0; tick < 4; tick++)
        {
            await Database.Execute("UPDATE embedding.lane_runs SET next_at = now()");
            await Engine.Get<RunScheduler>().AdvanceLanes(default);
            Clock.Advance(TimeSpan.FromHours(1));
        }

        Assert.Equal("completed", (await Engine.Get<RunHistory>().Find(run, default))!.Run.Status);
        await AssertWhole();
    }

    [Fact]
    public async Task A_cancelled_run_writes_what_was_done_and_leaves_the_rest_pending()
    {
        var run = await Begin();
        await Step();
        Clock.Advance(TimeSpan.FromMinutes(30));
        await Engine.Get<RunTransitions>().Cancel(run, default);

        var ended = await Finish(run);

        Assert.Equal(("cancelled", Items / 2), (ended.Status, ended.ItemsProcessed));
        Assert.Equal((Items / 2, Items / 2), (await Workspace.Embedded(), await Workspace.Pending()));
        Assert.Equal("cancelled", Fake.Batches.All.Single().Status);
        Assert.Equal((0, 0), (await Count("embedding.claims"), await Count("embedding.lane_items")));
        Assert.Equal(Items / 2, (await Engine.Run()).Counts.Embedded);
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task A_batch_that_never_ends_counts_as_expired_after_26_hours()
    {
        Fake.Batches.Script = _ => new() { IsEndless = true };
        var run = await Begin();
        await Step();
        await Database.Execute("UPDATE embedding.lane_batches SET created_at = now() - interval '27 hours'");

        var ended = await Finish(run);

        Assert.Equal("failed", ended.Status);
        Assert.Contains("did not finish a batch within its 24 hours", ended.Error, StringComparison.Ordinal);
        Assert.Equal("cancelling", Fake.Batches.All.Single().Status);
        Assert.Equal((Items, 0), (await Workspace.Pending(), await Count("embedding.claims")));
    }

    [Fact]
    public async Task Edits_start_runs_while_the_lane_is_at_work_and_the_status_shows_its_batches()
    {
        await Begin();
        await Step();
        await Database.Execute("UPDATE issues SET title = 'edited' WHERE title = 'item 3'");

        var status = await Engine.Get<StatusReport>().Of("workspace", default);
        var woken = await Engine.Get<TriggeredRuns>().Record(
            Engine.Get<CorpusSet>().Get("workspace"), new RunInput(Guid.NewGuid(), new RunRequest("workspace", [])), RunHost.Server,
            default);

        Assert.Equal(TriggerResult.Recorded, woken);
        var batch = Assert.Single(status.Batches);
        Assert.Equal(("sent", Items, Fake.Batches.All.Single().Id), (batch.Status, batch.Inputs, batch.ProviderId));
        Assert.Equal("batch", status.Runs[0].Host);
    }

    [Fact]
    public async Task A_wait_of_a_clock_that_was_wrong_is_none()
    {
        await Begin();
        await Database.Execute("UPDATE embedding.lane_runs SET next_at = now() + interval '3 days'");

        Assert.True(await Engine.Get<LaneRuns>().Advance(only: null, default));
    }
}
