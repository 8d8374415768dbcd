using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App.Http;

/// <summary>Begins a session of the dashboard for a holder of a key of this app: the Functions host lets no others in.</summary>
internal sealed class SignIn(RoutedDashboard dashboard)
{
    [Function(nameof(SignIn))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = "embeddings/api/login")] HttpRequest request,
        [DurableClient] DurableTaskClient client) =>
        Task.FromResult(dashboard.Serve(new DurableRunEngine(client), isChecked: true));
}
