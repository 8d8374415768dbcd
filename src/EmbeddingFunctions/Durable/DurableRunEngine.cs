using System.Text.Json;
using EmbeddingFunctions.Runs;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App.Durable;

/// <summary>Carries a run as an orchestration whose instance has the run's id.</summary>
internal sealed class DurableRunEngine(DurableTaskClient client) : IRunEngine
{
    /// <summary>How many batches an activity embeds: each activity costs the host several messages, however little it does.</summary>
    public const int BatchesPerActivity = 5;

    private const int MaxRestarts = 3;

    private static readonly OrchestrationRuntimeStatus[] _open =
        [OrchestrationRuntimeStatus.Pending, OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Suspended];

    private static readonly OrchestrationRuntimeStatus[] _ended =
        [OrchestrationRuntimeStatus.Completed, OrchestrationRuntimeStatus.Failed, OrchestrationRuntimeStatus.Terminated];

    public RunHost Host => RunHost.Functions;

    public async Task Begin(RunInput run, CancellationToken cancellation)
    {
        var known = await FindInstance(run.RunId, cancellation);
        if (known is not null && !MayBeginAgain(known))
        {
            return;
        }

        try
        {
            // What two hosts begin at once is begun by one.
            var once = new StartOrchestrationOptions(run.RunId.ToString())
                .WithDedupeStatuses([.. _open, .. _ended.Where(status => status != known?.RuntimeStatus)]);
            await client.ScheduleNewOrchestrationInstanceAsync(nameof(RunOrchestrator), Input(run, known), once, cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Another host may have begun it in this very moment; the exception's type differs between backends.
            if (await FindInstance(run.RunId, cancellation) is not { } begun || MayBeginAgain(begun))
            {
                throw;
            }
        }
    }

    public async Task Cancel(Guid runId, CancellationToken cancellation)
    {
        if (await FindInstance(runId, cancellation) is not { IsCompleted: false })
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
            if (await FindInstance(runId, cancellation) is { IsCompleted: false })
            {
                throw;
            }
        }
    }

    public async Task<EngineRun?> Find(Guid runId, CancellationToken cancellation) => await FindInstance(runId, cancellation) switch
    {
        null => null,
        { RuntimeStatus: OrchestrationRuntimeStatus.Terminated } ended =>
            new EngineRun(Because("The orchestration was terminated", ended), Cancelled: true),
        { RuntimeStatus: OrchestrationRuntimeStatus.Failed } failed =>
            new EngineRun(Because("The orchestration failed", failed), MayBeginAgain: MayBeginAgain(failed)),
        { IsCompleted: true } => new EngineRun("The orchestration ended without closing its job."),
        { RuntimeStatus: OrchestrationRuntimeStatus.Suspended } => new EngineRun(Note: "the orchestration is suspended"),
        var running => new EngineRun(Note: Text(running.SerializedCustomStatus)),
    };

    public Task Forget(TimeSpan age, CancellationToken cancellation) =>
        client.PurgeAllInstancesAsync(
            new PurgeInstancesFilter(DateTimeOffset.UnixEpoch, DateTimeOffset.UtcNow - age, _ended), cancellation);

    private Task<OrchestrationMetadata?> FindInstance(Guid runId, CancellationToken cancellation) =>
        client.GetInstanceAsync(runId.ToString(), getInputsAndOutputs: true, cancellation);

    private static RunInput Input(RunInput run, OrchestrationMetadata? failed) => run with
    {
        Request = run.Request with { BatchesPerActivity = BatchesPerActivity },
        Restarts = failed is null ? 0 : Restarts(failed) + 1,
    };

    private static bool MayBeginAgain(OrchestrationMetadata run) =>
        run.RuntimeStatus == OrchestrationRuntimeStatus.Failed && Restarts(run) < MaxRestarts;

    private static int Restarts(OrchestrationMetadata run) => run.ReadInputAs<RunInput>()?.Restarts ?? 0;

    // Azure Storage keeps no failure's details; there the reason is the output.
    private static string Because(string end, OrchestrationMetadata run) =>
        (run.FailureDetails?.ErrorMessage ?? Text(run.SerializedOutput)) is { Length: > 0 } reason ? $"{end}: {reason}" : $"{end}.";

    // A reason that was given from outside comes as it was written, with or without quotes round it.
    private static string? Text(string? output)
    {
        try
        {
            return output is ['"', .., '"'] ? JsonSerializer.Deserialize<string>(output) : output;
        }
        catch (JsonException)
        {
            return output;
        }
    }
}
