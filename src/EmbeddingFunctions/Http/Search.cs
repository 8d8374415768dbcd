using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Items by meaning, by words or by both.</summary>
internal sealed class Search(EmbeddingsApi api, SearchKeys keys)
{
    [Function(nameof(Search))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", "post", Route = Routes.App + Routes.Search)] HttpRequest request,
        CancellationToken cancellation) =>
        keys.Admit(request, scope => api.Searches.Search(request, scope, cancellation));
}
