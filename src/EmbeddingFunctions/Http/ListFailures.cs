using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Failed items, grouped by their reasons.</summary>
internal sealed class ListFailures(EmbeddingsApi api)
{
    [Function(nameof(ListFailures))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Failures)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Failures.Groups(request, cancellation);
}
