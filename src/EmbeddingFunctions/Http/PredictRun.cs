using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What a run would embed, take and cost.</summary>
internal sealed class PredictRun(EmbeddingsApi api)
{
    [Function(nameof(PredictRun))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.Predict)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Predict(request, cancellation);
}
