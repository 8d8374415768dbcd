using EmbeddingFunctions.Runs;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>
/// Orchestrations that end otherwise than by closing their run, as the client of Azure Storage tells of them: the reason is in the output
/// only.
/// </summary>
public sealed class FailedEngineTests : DurableTest
{
    [Fact]
    public async Task A1_A_run_that_its_engine_fails_again_and_again_is_closed_with_the_reason()
    {
        await Workspace.Items(await Workspace.Repository(), 45);
        await Database.Execute("ALTER TABLE embedding.batches RENAME TO hidden");
        var run = await Ask();
        for (var i = 0; i < 4; i++)
        {
            var ended = await Host.End(run);
            Assert.Equal((OrchestrationRuntimeStatus.Failed, null), (ended.RuntimeStatus, ended.FailureDetails));
            await TickAfterSilence(closes: i == 3);
        }

        var (status, error) = await Job(run);
        Assert.Equal("failed", status);
        Assert.StartsWith("The orchestration failed: The database is not as it was migrated: relation \"embedding.batches\"", error);
        Assert.Equal(4, Host.Backend.Started);
    }

    [Fact]
    public async Task A6_A_run_that_its_engine_failed_is_begun_again_and_goes_on_where_it_was()
    {
        await Workspace.Items(await Workspace.Repository(), 45);
        await Database.Execute("ALTER TABLE embedding.batches RENAME TO hidden");
        var run = await Ask();
        await Host.End(run);
        await Database.Execute("ALTER TABLE embedding.hidden RENAME TO batches");

        await TickAfterSilence();
        await Host.End(run);

        Assert.Equal(("completed", null), await Job(run));
        Assert.Equal((45L, 0L), (await Workspace.Embedded(), Fake.DuplicatePaidInputs));
    }

    [Fact]
    public async Task A10_A_run_that_was_terminated_from_outside_is_closed_with_the_reason_that_was_given()
    {
        var run = await AskWaiting();
        await Host.Client.TerminateInstanceAsync(run.ToString(), "wrong corpus");
        await Host.End(run);

        await Desk.Note(Host.Engine, run, default);

        Assert.Equal(("cancelled", "The orchestration was terminated: wrong corpus"), await Job(run));
    }

    // Null, JSON that is something else, and the result of another activity.
    [Theory]
    [InlineData("EmbedBatch", null)]
    [InlineData("EmbedBatch", "{}")]
    [InlineData("EmbedBatch", "7")]
    [InlineData("EmbedBatch", """{"Batches":[],"Cursor":""}""")]
    [InlineData("PlanPage", null)]
    [InlineData("OpenRun", """{"Counts":{}}""")]
    [InlineData("StartRun", null)]
    public async Task A5_Anything_but_the_activity_s_own_result_fails_the_run_with_the_reason(string activity, string? result)
    {
        await Workspace.Items(await Workspace.Repository(), 45);
        Host.Backend.Garble = (name, own) => name == activity ? result : own;

        var run = await Ask();
        var ended = await Host.End(run);

        Assert.Equal(OrchestrationRuntimeStatus.Completed, ended.RuntimeStatus);
        var (status, error) = await Job(run);
        Assert.Equal("failed", status);
        Assert.StartsWith($"The task hub returned something other than the result of {activity}.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A9_Histories_are_forgotten_with_the_rows_and_those_of_open_runs_are_not()
    {
        var (old, young) = (await Ask(new RunRequest("workspace", ["issue"])), await Ask(new RunRequest("workspace", ["discussion"])));
        await Task.WhenAll(Host.End(old), Host.End(young));
        var open = await AskWaiting();
        await Host.Backend.Age(old, TimeSpan.FromDays(91));
        await Host.Backend.Age(open, TimeSpan.FromDays(91));
        await Host.Backend.Age(young, TimeSpan.FromDays(89));

        await Desk.Tick(Host.Engine, default);

        var left = await Host.Instances();
        Assert.DoesNotContain(old, left);
        Assert.Contains(young, left);
        Assert.Contains(open, left);
    }

    private async Task TickAfterSilence(bool closes = false)
    {
        await Database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '1 second'");
        if (closes)
        {
            await Database.Execute("ALTER TABLE embedding.hidden RENAME TO batches");
        }

        await Desk.AdoptOrphanedRuns(Host.Engine, default);
    }
}
