using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.Runs;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App;

/// <summary>Starts a run for every corpus that is due, and adopts orphaned runs.</summary>
internal sealed class EmbeddingsTimer(RunScheduler scheduler)
{
    [Function(nameof(EmbeddingsTimer))]
    public Task RunAsync(
        [TimerTrigger("%EMBEDDINGS_SCHEDULE%")] TimerInfo timer, [DurableClient] DurableTaskClient client,
        CancellationToken cancellation) =>
        scheduler.Tick(new DurableRunEngine(client), cancellation);
}
