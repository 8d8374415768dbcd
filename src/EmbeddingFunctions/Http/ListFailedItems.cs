using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Failed items by the page.</summary>
internal sealed class ListFailedItems(EmbeddingsApi api)
{
    [Function(nameof(ListFailedItems))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.FailedItems)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Failures.Items(request, cancellation);
}
