using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Lets no batch of a corpus begin.</summary>
internal sealed class PauseCorpus(EmbeddingsApi api)
{
    [Function(nameof(PauseCorpus))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.Pause)] HttpRequest request, string corpus,
        CancellationToken cancellation) =>
        api.Pauses.Pause(request, corpus, cancellation);
}
