using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App.Http;

/// <summary>Ends a run before all is done.</summary>
internal sealed class CancelRun(EmbeddingsApi api)
{
    [Function(nameof(CancelRun))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.CancelRun)] HttpRequest request, string runId,
        [DurableClient] DurableTaskClient client, CancellationToken cancellation) =>
        api.Runs.Cancel(request, runId, new DurableRunEngine(client), cancellation);
}
