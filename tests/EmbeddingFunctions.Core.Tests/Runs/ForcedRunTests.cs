using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

public sealed class ForcedRunTests : RunTest
{
    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await Workspace.Items(await Workspace.Repository(), 60);
        await Engine.Run();
    }

    [Fact]
    public async Task B7_A_forced_run_embeds_each_item_once_and_an_unfinished_one_goes_on()
    {
        var paid = Fake.PaidInputCount;

        // The first forced run ends half-way.
        using (var stopping = new CancellationTokenSource())
        {
            var forced = Engine.Run(Forced(), progress => { if (progress.Counts.Embedded >= 20) { stopping.Cancel(); } }, stopping.Token);
            Assert.Equal(RunStatus.Cancelled, (await forced).Status);
        }

        var again = await Engine.Run(Forced());
        Assert.Equal(RunStatus.Completed, again.Status);
        Assert.InRange(again.Counts.Embedded, 1, 40);
        // What the interruption broke off may have been paid already: at most one batch in flight.
        Assert.InRange(Fake.PaidInputCount - paid, 60, 80);

        var third = await Engine.Run(Forced());
        Assert.Equal(60, third.Counts.Embedded);
    }

    [Fact]
    public async Task A_forced_run_whose_process_just_vanished_lends_its_moment()
    {
        await Engine.Run(Forced() with { Limit = 20 });
        await Database.Execute(
            "UPDATE embedding.jobs SET status = 'processing', completed_at = NULL, item_limit = NULL WHERE force_before IS NOT NULL");

        Assert.Equal(40, await Predicted());
        Assert.Equal(40, (await Engine.Run(Forced())).Counts.Embedded);
        Assert.Equal(60, await Predicted());
    }

    [Fact]
    public async Task Forced_runs_with_a_limit_go_on_one_after_the_other_and_are_reported()
    {
        var notes = new List<string?>();
        Assert.Equal(20, (await Engine.Run(Forced() with { Limit = 20 })).Counts.Embedded);
        Assert.Equal(20, (await Engine.Run(Forced() with { Limit = 20 })).Counts.Embedded);
        Assert.Equal(20, (await Engine.Run(Forced(), progress => notes.Add(progress.Note))).Counts.Embedded);
        Assert.Contains(notes, note => note?.StartsWith("continuing the forced run of", StringComparison.Ordinal) == true);
        Assert.Equal(60, (await Engine.Run(Forced())).Counts.Embedded);
    }

    [Fact]
    public async Task A_moment_of_yesterday_is_lent_no_more_and_one_of_another_scope_never()
    {
        await Engine.Run(Forced() with { Limit = 20 });
        Assert.Equal(60, (await Engine.Get<DryRun>().Predict(Forced() with { Kinds = ["issue"] }, default)).Items);
        await Database.Execute(
            "UPDATE embedding.jobs SET force_before = force_before - interval '25 hours' WHERE force_before IS NOT NULL");
        Assert.Equal(60, await Predicted());
    }

    [Fact]
    public async Task An_item_that_fails_in_a_forced_run_keeps_its_vector_and_is_tried_again_by_an_ordinary_one()
    {
        using (Fake.Script(Requests.All, Fault.BadInput()))
        {
            await Engine.Run(Forced() with { Limit = 1 });
        }

        Assert.Equal((60, 1), (await Workspace.Embedded(), await Database.Ask<long>("SELECT count(*) FROM embedding.failures")));
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM issues WHERE embedding IS NOT NULL AND embedding_rule IS NULL"));
        await Database.Execute("UPDATE embedding.claims SET retry_at = now() - interval '1 second'");
        Assert.Equal(1, (await Engine.Run()).Counts.Embedded);
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.failures"));
    }

    private async Task<int> Predicted() => (await Engine.Get<DryRun>().Predict(Forced(), default)).Items;

    private static RunRequest Forced() => new("workspace", [], Force: true, Concurrency: 1);
}
