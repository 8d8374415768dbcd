using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace EmbeddingFunctions.App.Http;

/// <summary>The dashboard: its pages are open to all, its data to who has signed in.</summary>
internal sealed class Dashboard(RoutedDashboard dashboard)
{
    [Function(nameof(Dashboard))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", "post", Route = "embeddings/{*path}")] HttpRequest request,
        [DurableClient] DurableTaskClient client) =>
        Task.FromResult(dashboard.Serve(new DurableRunEngine(client), isChecked: false));
}
