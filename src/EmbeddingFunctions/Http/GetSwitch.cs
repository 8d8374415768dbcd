using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.App.Http;

/// <summary>How a corpus's switch to another generation of vectors stands.</summary>
internal sealed class GetSwitch(EmbeddingsApi api)
{
    [Function(nameof(GetSwitch))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = Routes.App + Routes.Switch)] HttpRequest request, string corpus,
        CancellationToken cancellation) =>
        api.Switches.Get(request, corpus, cancellation);
}
