using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Items that are like one.</summary>
internal sealed class GetSimilar(EmbeddingsApi api, SearchKeys keys)
{
    [Function(nameof(GetSimilar))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Similar)] HttpRequest request,
        string corpus, string kind, string id, CancellationToken cancellation) =>
        keys.Admit(request, scope => api.Searches.Similar(request, corpus, kind, id, scope, cancellation));
}
