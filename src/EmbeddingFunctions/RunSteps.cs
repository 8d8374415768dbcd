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

    [Function(nameof(RunActivities.BuildIndexes))]
    public Task<IndexesBuilt> BuildIndexes([ActivityTrigger] BuildIndexes order, CancellationToken cancellation) =>
        activities.Do(RunActivities.BuildIndexes, order, cancellation);

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
