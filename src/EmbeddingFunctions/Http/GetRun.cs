using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App.Http;

/// <summary>How far a run is.</summary>
internal sealed class GetRun(EmbeddingsApi api)
{
    [Function(nameof(GetRun))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Run)] HttpRequest request, string runId,
        [DurableClient] DurableTaskClient client, CancellationToken cancellation) =>
        api.Runs.Get(request, runId, new DurableRunEngine(client), cancellation);
}
