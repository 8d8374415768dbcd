using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What requests to the provider cost.</summary>
internal sealed class GetCost(EmbeddingsApi api)
{
    [Function(nameof(GetCost))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Cost)] HttpRequest request,
        CancellationToken cancellation) =>
        api.GetCost(request, cancellation);
}
