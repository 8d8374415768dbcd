using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Leaves failed items alone until their texts change.</summary>
internal sealed class IgnoreFailures(EmbeddingsApi api)
{
    [Function(nameof(IgnoreFailures))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.IgnoreFailures)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Failures.Ignore(request, cancellation);
}
