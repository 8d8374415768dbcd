using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.App;

/// <summary>Core's activities, each under its own name.</summary>
internal sealed class RunSteps(RunActivities activities, ILogger<RunSteps> log)
{
    [Function(nameof(RunActivities.StartRun))]
    public Task<DateTimeOffset> StartRun([ActivityTrigger] RunInput run, CancellationToken cancellation) =>
        activities.Do(RunActivities.StartRun, run, cancellation);

    [Function(nameof(RunActivities.OpenRun))]
    public Task<OpenedRun> OpenRun([ActivityTrigger] RunInput run, CancellationToken cancellation) =>
        activities.Do(RunActivities.OpenRun, run, cancellation);

    [Function(nameof(RunActivities.PlanPage))]
    public Task<PlannedPage> PlanPage([ActivityTrigger] PlanPage order, CancellationToken cancellation) =>
        activities.Do(RunActivities.PlanPage, order, cancellation);

    [Function(nameof(RunActivities.EmbedBatch))]
    public Task<EmbeddedBatch> EmbedBatch([ActivityTrigger] EmbedBatch order, CancellationToken cancellation) =>
        activities.Do(RunActivities.EmbedBatch, order, cancellation);

    // The host ends a process whose function takes longer than host.json allows.
    internal TimeSpan LongestBuild { get; init; } = TimeSpan.FromMinutes(8);

    [Function(nameof(RunActivities.BuildIndexes))]
    public async Task<IndexesBuilt> BuildIndexes([ActivityTrigger] BuildIndexes order, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(LongestBuild);
        try
        {
            return await activities.Do(RunActivities.BuildIndexes, order, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new IndexesBuilt(
                $"The index for search is not built after {LongestBuild.TotalMinutes:0.#} minutes, and this host allows no more: run "
                    + $"'embeddings index {order.Corpus}' from a machine that may take longer.");
        }
    }

    [Function(nameof(RunActivities.CloseRun))]
    public async Task<RunOutcome> CloseRun([ActivityTrigger] CloseRun order, CancellationToken cancellation)
    {
        var outcome = await activities.Do(RunActivities.CloseRun, order, cancellation);
        if (outcome.Error is { } reason)
        {
            var level = outcome.Status == RunStatus.Failed ? LogLevel.Error : LogLevel.Warning;
            log.RunHasProblem(level, outcome.RunId, order.Run.Request.Corpus, outcome.Status, reason);
        }

        return outcome;
    }
}
