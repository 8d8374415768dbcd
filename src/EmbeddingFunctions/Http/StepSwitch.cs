using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App.Http;

/// <summary>A step of a switch: begin, flip, rollback, finish or abandon.</summary>
internal sealed class StepSwitch(EmbeddingsApi api)
{
    [Function(nameof(StepSwitch))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = Routes.App + Routes.SwitchStep)] HttpRequest request, string corpus,
        string step, [DurableClient] DurableTaskClient client, CancellationToken cancellation) =>
        api.Switches.Step(request, corpus, step, new DurableRunEngine(client), cancellation);
}
