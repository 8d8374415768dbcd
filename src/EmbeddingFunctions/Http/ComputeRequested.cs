using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App.Http;

/// <summary>The event <c>embeddings/compute.requested</c>.</summary>
internal sealed class ComputeRequested(EmbeddingsApi api)
{
    [Function(nameof(ComputeRequested))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.Compute)] HttpRequest request,
        [DurableClient] DurableTaskClient client, CancellationToken cancellation) =>
        api.Compute(request, new DurableRunEngine(client), cancellation);
}
