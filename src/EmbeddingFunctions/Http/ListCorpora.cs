using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What can be searched.</summary>
internal sealed class ListCorpora(EmbeddingsApi api, SearchKeys keys)
{
    [Function(nameof(ListCorpora))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Corpora)] HttpRequest request,
        CancellationToken cancellation) =>
        keys.Admit(request, scope => api.Searches.Corpora(request, scope, cancellation));
}
