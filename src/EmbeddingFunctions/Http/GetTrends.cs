using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What was done over a day, a week or a month.</summary>
internal sealed class GetTrends(EmbeddingsApi api)
{
    [Function(nameof(GetTrends))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Trends)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Trends.Get(request, cancellation);
}
