using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Coverage, pending, failures and the last runs.</summary>
internal sealed class GetStatus(EmbeddingsApi api)
{
    [Function(nameof(GetStatus))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Status)] HttpRequest request,
        CancellationToken cancellation) =>
        api.GetStatus(request, cancellation);
}
