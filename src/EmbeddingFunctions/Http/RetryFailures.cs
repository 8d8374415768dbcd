using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>Has the next run try failed items again.</summary>
internal sealed class RetryFailures(EmbeddingsApi api)
{
    [Function(nameof(RetryFailures))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.RetryFailures)] HttpRequest request,
        CancellationToken cancellation) =>
        api.Failures.Retry(request, cancellation);
}
