using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>A scheduler, and an engine that records which runs it is to carry.</summary>
public abstract class SchedulerTest : RunTest
{
    private protected RecordingEngine Carrier { get; } = new();

    private protected RunScheduler Scheduler => Engine.Get<RunScheduler>();

    private protected Task<RequestedRun?> Ask(string? eventId, RunRequest? request = null) =>
        Scheduler.Ask(Carrier, request ?? new RunRequest("workspace", []), eventId, default);

    private protected Task<RunOutcome> Carry(Guid run, RunRequest? request = null, Action<RunProgress>? progress = null,
        CancellationToken stopping = default) =>
        Engine.Get<InProcessEngine>()
            .Carry(new RunInput(run, request ?? new RunRequest("workspace", [])) { IsRecorded = true }, progress, stopping);

    private protected Task End() => Database.Execute("UPDATE embedding.jobs SET status = 'completed', completed_at = now()");

    private protected Task Silence() => Database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '1 second'");
}
