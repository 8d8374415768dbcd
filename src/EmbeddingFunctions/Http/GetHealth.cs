using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Whether the app can do its work now; open without a key, as probes are.</summary>
internal sealed class GetHealth(EmbeddingsApi api)
{
    [Function(nameof(GetHealth))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = Routes.App + Routes.Health)] HttpRequest request,
        CancellationToken cancellation) =>
        api.GetHealth(request, cancellation);
}
