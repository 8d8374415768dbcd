using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What corpora are declared to be.</summary>
internal sealed class ListDeclarations(EmbeddingsApi api)
{
    [Function(nameof(ListDeclarations))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Declarations)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Corpora.List(request, cancellation);
}
