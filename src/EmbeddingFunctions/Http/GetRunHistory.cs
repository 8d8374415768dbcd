using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What a run's batches and requests did, in time.</summary>
internal sealed class GetRunHistory(EmbeddingsApi api)
{
    [Function(nameof(GetRunHistory))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.RunHistory)] HttpRequest request, string runId,
        CancellationToken cancellation) =>
        api.Runs.GetHistory(request, runId, cancellation);
}
