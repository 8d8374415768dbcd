using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What is happening now.</summary>
internal sealed class GetOverview(EmbeddingsApi api)
{
    [Function(nameof(GetOverview))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Overview)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Overviews.Get(request, cancellation);
}
