using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>The newest runs.</summary>
internal sealed class ListRuns(EmbeddingsApi api)
{
    [Function(nameof(ListRuns))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Runs)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Runs.List(request, cancellation);
}
