using EmbeddingFunctions;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Runs;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the HTTP API into an app's routes.</summary>
public static class EmbeddingsEndpoints
{
    /// <summary>
    /// Maps <c>POST compute</c>, <c>GET runs</c>, <c>GET runs/{runId}</c>, <c>POST runs/{runId}/cancel</c>, <c>GET status</c>,
    /// <c>GET switches/{corpus}</c>, <c>POST switches/{corpus}/{step}</c> and <c>GET health</c> below the prefix. Runs that are asked for
    /// here are carried by this process.
    /// </summary>
    /// <param name="endpoints">The app's routes.</param>
    /// <param name="prefix">Such as <c>/api/embeddings</c>.</param>
    /// <returns>
    /// All of them together, for what the app wants of their callers: <c>.RequireAuthorization("operators")</c>. They are open without it,
    /// unless the app has a fallback policy.
    /// </returns>
    /// <exception cref="InvalidOperationException">AddEmbeddings was not called.</exception>
    public static IEndpointConventionBuilder MapEmbeddings(this IEndpointRouteBuilder endpoints, string prefix)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        var services = endpoints.ServiceProvider;
        if (services.GetService<IServiceProviderIsService>()?.IsService(typeof(IEmbeddings)) == false)
        {
            throw new InvalidOperationException(
                "MapEmbeddings needs the services of AddEmbeddings: call builder.Services.AddEmbeddings(...).");
        }

        return endpoints.MapEmbeddings(
            prefix, EmbeddingsApi.Of(services.Checked()), services.GetRequiredService<BackgroundEngine>());
    }

    internal static RouteGroupBuilder MapEmbeddings(
        this IEndpointRouteBuilder endpoints, string prefix, EmbeddingsApi api, IRunEngine engine)
    {
        var routes = endpoints.MapGroup(prefix);
        routes.MapPost(Routes.Compute, (HttpRequest request, CancellationToken c) => api.Compute(request, engine, c));
        routes.MapGet(Routes.Runs, (HttpRequest request, CancellationToken c) => api.ListRuns(request, c));
        routes.MapGet(Routes.Run, (HttpRequest request, string runId, CancellationToken c) => api.GetRun(request, runId, engine, c));
        routes.MapPost(
            Routes.CancelRun, (HttpRequest request, string runId, CancellationToken c) => api.CancelRun(request, runId, engine, c));
        routes.MapGet(Routes.Status, (HttpRequest request, CancellationToken c) => api.GetStatus(request, c));
        routes.MapGet(Routes.Switch, (HttpRequest request, string corpus, CancellationToken c) => api.Switches.Get(request, corpus, c));
        routes.MapPost(
            Routes.SwitchStep,
            (HttpRequest request, string corpus, string step, CancellationToken c) => api.Switches.Step(request, corpus, step, engine, c));
        routes.MapGet(Routes.Health, (HttpRequest request, CancellationToken c) => api.GetHealth(request, c));
        return routes;
    }
}
