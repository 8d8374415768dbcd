using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App;

/// <summary>Core's activities, each under its own name.</summary>
public sealed class RunSteps(RunActivities activities)
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

    [Function(nameof(RunActivities.CloseRun))]
    public Task<RunOutcome> CloseRun([ActivityTrigger] CloseRun order, CancellationToken cancellation) =>
        activities.Do(RunActivities.CloseRun, order, cancellation);
}
