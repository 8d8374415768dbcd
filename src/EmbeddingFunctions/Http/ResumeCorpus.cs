using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Lets the runs of a paused corpus go on.</summary>
internal sealed class ResumeCorpus(EmbeddingsApi api)
{
    [Function(nameof(ResumeCorpus))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.Resume)] HttpRequest request, string corpus,
        CancellationToken cancellation) =>
        api.Pauses.Resume(request, corpus, cancellation);
}
