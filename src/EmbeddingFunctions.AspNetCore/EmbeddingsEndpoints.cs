using EmbeddingFunctions;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Search;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the HTTP API into an app's routes.</summary>
public static class EmbeddingsEndpoints
{
    /// <summary>
    /// Maps <c>POST compute</c>, <c>GET runs</c>, <c>GET runs/{runId}</c>, <c>POST runs/{runId}/cancel</c>, <c>GET status</c>,
    /// <c>GET cost</c>, <c>GET trends</c>, <c>GET failures</c> and <c>failures/items</c>, <c>POST failures/retry</c> and
    /// <c>failures/ignore</c>, <c>POST corpora/{corpus}/pause</c> and <c>resume</c>, <c>GET switches/{corpus}</c>,
    /// <c>POST switches/{corpus}/{step}</c>, <c>GET health</c> and the routes of <see cref="MapEmbeddingsSearch"/> below the prefix. Runs
    /// that are asked for here are carried by this process, and searches see everything.
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
        return endpoints.MapEmbeddings(prefix, endpoints.Api(), endpoints.ServiceProvider.GetRequiredService<BackgroundEngine>());
    }

    /// <summary>
    /// Maps <c>POST</c> and <c>GET search</c>, <c>GET similar/{corpus}/{kind}/{id}</c>, <c>POST embed</c> and <c>GET corpora</c> below the
    /// prefix, and nothing that changes anything: for callers who see only a part.
    /// </summary>
    /// <param name="endpoints">The app's routes.</param>
    /// <param name="prefix">Such as <c>/api/search</c>, another one than that of <c>MapEmbeddings</c>.</param>
    /// <param name="scope">
    /// Says what a caller may see: <see cref="SearchScope.All"/>, or a tenant's partition; null refuses the request with 403.
    /// </param>
    /// <returns>All of them together, for the app's conventions.</returns>
    /// <exception cref="InvalidOperationException">AddEmbeddings was not called.</exception>
    public static IEndpointConventionBuilder MapEmbeddingsSearch(
        this IEndpointRouteBuilder endpoints, string prefix, Func<HttpContext, ValueTask<SearchScope?>> scope)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        ArgumentNullException.ThrowIfNull(scope);
        var routes = endpoints.MapGroup(prefix);
        routes.MapSearch(endpoints.Api().Searches);
        routes.AddEndpointFilter(async (call, next) =>
        {
            if (await scope(call.HttpContext) is not { } shown)
            {
                return Replies.Problem(
                    StatusCodes.Status403Forbidden, "You may not search.", "Ask the operator of this app for the right.");
            }

            call.HttpContext.Features.Set(shown);
            return await next(call);
        });
        return routes;
    }

    /// <summary>
    /// Maps the dashboard: its pages at the prefix, and what they ask for below it. Without authorization, only programs of this machine
    /// are let in, and through no proxy.
    /// </summary>
    /// <param name="endpoints">The app's routes.</param>
    /// <param name="prefix">Where people find it.</param>
    /// <param name="mayWrite">
    /// Says who may start and cancel runs, retry failures and pause corpora, and see texts; null: all who are let in.
    /// </param>
    /// <returns>All of it, for what the app wants of its callers: <c>.RequireAuthorization("operators")</c>.</returns>
    /// <exception cref="InvalidOperationException">AddEmbeddings was not called.</exception>
    public static IEndpointConventionBuilder MapEmbeddingsDashboard(
        this IEndpointRouteBuilder endpoints, string prefix = DashboardEndpoints.DefaultPrefix,
        Func<HttpContext, ValueTask<bool>>? mayWrite = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(prefix);
        var (api, services) = (endpoints.Api(), endpoints.ServiceProvider);
        return new DashboardEndpoints(new AppDoor(mayWrite), services.Time())
            .Map(endpoints, prefix, api, services.GetRequiredService<BackgroundEngine>());
    }

    private static EmbeddingsApi Api(this IEndpointRouteBuilder endpoints)
    {
        var services = endpoints.ServiceProvider;
        return services.GetService<IServiceProviderIsService>()?.IsService(typeof(IEmbeddings)) == false
            ? throw new InvalidOperationException(
                "MapEmbeddings needs the services of AddEmbeddings: call builder.Services.AddEmbeddings(...).")
            : EmbeddingsApi.Of(services.Checked());
    }

    internal static RouteGroupBuilder MapEmbeddings(
        this IEndpointRouteBuilder endpoints, string prefix, EmbeddingsApi api, IRunEngine engine)
    {
        var routes = endpoints.MapOperations(prefix, api, engine);
        routes.MapSearch(api.Searches);
        return routes;
    }
}
