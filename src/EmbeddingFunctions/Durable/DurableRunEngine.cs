using System.Text.Json;
using EmbeddingFunctions.Runs;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App.Durable;

/// <summary>Carries a run as an orchestration whose instance has the run's id.</summary>
internal sealed class DurableRunEngine(DurableTaskClient client) : IRunEngine
{
    private static readonly OrchestrationRuntimeStatus[] _any =
    [
        OrchestrationRuntimeStatus.Pending, OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Suspended, OrchestrationRuntimeStatus.Completed,
        OrchestrationRuntimeStatus.Failed, OrchestrationRuntimeStatus.Terminated,
    ];

    public RunHost Host => RunHost.Functions;

    public async Task Begin(RunInput run, CancellationToken cancellation)
    {
        if (await Find(run.RunId, cancellation) is not null)
        {
            return;
        }

        try
        {
            var once = new StartOrchestrationOptions(run.RunId.ToString()).WithDedupeStatuses(_any);
            await client.ScheduleNewOrchestrationInstanceAsync(nameof(RunOrchestrator), run, once, cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Another host may have begun it in this very moment; the exception's type differs between backends.
            if (await Find(run.RunId, cancellation) is null)
            {
                throw;
            }
        }
    }

    public async Task Cancel(Guid runId, CancellationToken cancellation)
    {
        if (await Find(runId, cancellation) is not { IsCompleted: false })
        {
            return;
        }

        try
        {
            await client.RaiseEventAsync(runId.ToString(), DurableRunContext.CancelEvent, "cancelled", cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Ended in this very moment, it needs no waking.
            if (await Find(runId, cancellation) is { IsCompleted: false })
            {
                throw;
            }
        }
    }

    public async Task<CarriedRun?> Look(Guid runId, CancellationToken cancellation) => await Find(runId, cancellation) switch
    {
        null => null,
        { RuntimeStatus: OrchestrationRuntimeStatus.Terminated } => new CarriedRun("The orchestration was terminated.", Cancelled: true),
        { RuntimeStatus: OrchestrationRuntimeStatus.Failed } failed => new CarriedRun($"The orchestration failed: {failed.FailureDetails?.ErrorMessage}"),
        { IsCompleted: true } => new CarriedRun("The orchestration ended without closing its job."),
        { RuntimeStatus: OrchestrationRuntimeStatus.Suspended } => new CarriedRun(Note: "the orchestration is suspended"),
        var running => new CarriedRun(Note: running.SerializedCustomStatus is { } note ? JsonSerializer.Deserialize<string>(note) : null),
    };

    private Task<OrchestrationMetadata?> Find(Guid runId, CancellationToken cancellation) =>
        client.GetInstanceAsync(runId.ToString(), getInputsAndOutputs: true, cancellation);
}
