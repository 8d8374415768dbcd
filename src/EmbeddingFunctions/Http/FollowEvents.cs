using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>What is happening, as it happens.</summary>
internal sealed class FollowEvents(EmbeddingsApi api)
{
    [Function(nameof(FollowEvents))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Events)] HttpRequest request,
        CancellationToken cancellation) =>
        Task.FromResult(api.Overviews.Follow(request, cancellation));
}
