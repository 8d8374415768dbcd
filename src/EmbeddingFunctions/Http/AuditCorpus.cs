using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What no run would find.</summary>
internal sealed class AuditCorpus(EmbeddingsApi api)
{
    [Function(nameof(AuditCorpus))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.Audit)] HttpRequest request, string corpus,
        CancellationToken cancellation) =>
        api.Corpora.Audit(request, corpus, cancellation);
}
