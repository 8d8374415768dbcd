using EmbeddingFunctions.App;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing.Durable;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>Runs as orchestration instances of the same id, on the real client.</summary>
public sealed class DurableRunEngineTests : DurableTest
{
    private readonly RunInput _run = new(Guid.CreateVersion7(), new RunRequest("workspace", []));

    [Fact]
    public async Task A_run_is_scheduled_under_its_own_id()
    {
        await Host.Engine.Begin(_run, default);

        var instance = await Host.End(_run.RunId);
        Assert.Equal((nameof(RunOrchestrator), OrchestrationRuntimeStatus.Completed), (instance.Name, instance.RuntimeStatus));
        Assert.Equal(_run.RunId, instance.ReadInputAs<RunInput>()!.RunId);
    }

    [Fact]
    public async Task A_run_that_the_engine_knows_is_not_scheduled_again_whether_it_waits_or_has_ended()
    {
        await using var idle = await DurableHost.Start(activities: null);
        await idle.Engine.Begin(_run, default);
        var scheduled = await idle.Client.GetInstanceAsync(_run.RunId.ToString());
        await idle.Engine.Begin(_run, default);
        Assert.Equal(scheduled!.CreatedAt, (await idle.Client.GetInstanceAsync(_run.RunId.ToString()))!.CreatedAt);

        await Host.Engine.Begin(_run, default);
        var ended = await Host.End(_run.RunId);
        await Host.Engine.Begin(_run, default);
        Assert.Equal(ended.CreatedAt, (await Host.Client.GetInstanceAsync(_run.RunId.ToString()))!.CreatedAt);
    }

    [Fact]
    public async Task Of_hosts_that_begin_a_run_at_once_one_does_and_the_others_do_not_fail()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Host.Engine.Begin(_run, default)));
        await Host.End(_run.RunId);

        Assert.Equal(1, Host.Backend.Started);
    }

    [Fact]
    public async Task An_engine_that_cannot_be_reached_is_a_failure()
    {
        var gone = await DurableHost.Start(activities: null);
        var engine = gone.Engine;
        await gone.DisposeAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => engine.Begin(_run, default));
    }

    [Fact]
    public async Task A_run_that_waits_or_goes_on_has_not_ended_and_an_unknown_one_is_none()
    {
        var run = await AskWaiting();

        Assert.Null((await Host.Engine.Find(run, default))!.EndedBecause);
        Assert.Null(await Host.Engine.Find(_run.RunId, default));
    }

    [Fact]
    public async Task A_run_that_was_terminated_or_suspended_from_outside_says_so()
    {
        var run = await AskWaiting();

        await Host.Client.SuspendInstanceAsync(run.ToString(), "while the database is moved");
        await Until(async () => (await Host.Engine.Find(run, default))!.Note == "the orchestration is suspended");
        await Host.Client.ResumeInstanceAsync(run.ToString());
        await Host.Client.TerminateInstanceAsync(run.ToString(), "wrong corpus");
        await Host.End(run);

        Assert.Equal(
            new EngineRun("The orchestration was terminated: wrong corpus", Cancelled: true), await Host.Engine.Find(run, default));
    }

    [Fact]
    public async Task A_run_that_has_ended_is_reported_as_ended()
    {
        await Host.Engine.Begin(_run, default);
        await Host.End(_run.RunId);

        Assert.Equal(new EngineRun("The orchestration ended without closing its job."), await Host.Engine.Find(_run.RunId, default));
    }

    [Fact]
    public async Task Cancelling_a_run_that_has_ended_or_is_unknown_does_nothing()
    {
        await Host.Engine.Cancel(_run.RunId, default);
        Assert.Null(await Host.Client.GetInstanceAsync(_run.RunId.ToString()));

        await Host.Engine.Begin(_run, default);
        await Host.End(_run.RunId);
        await Host.Engine.Cancel(_run.RunId, default);
        Assert.Equal(OrchestrationRuntimeStatus.Completed, (await Host.Client.GetInstanceAsync(_run.RunId.ToString()))!.RuntimeStatus);
    }
}
