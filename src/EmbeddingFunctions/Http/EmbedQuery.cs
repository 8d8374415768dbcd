using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>The vector of a query.</summary>
internal sealed class EmbedQuery(EmbeddingsApi api, SearchKeys keys)
{
    [Function(nameof(EmbedQuery))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.Embed)] HttpRequest request,
        CancellationToken cancellation) =>
        keys.Admit(request, scope => api.Searches.Embed(request, scope, cancellation));
}
