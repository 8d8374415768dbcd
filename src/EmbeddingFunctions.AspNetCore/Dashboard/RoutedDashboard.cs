using System.Diagnostics;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>The dashboard for a host that routes requests itself, and passes on all that are below its prefix.</summary>
internal sealed class RoutedDashboard : IDisposable
{
    private readonly ServiceProvider _services;
    private readonly RequestRunEngine _engine = new();
    private readonly RequestDelegate _serve;

    public RoutedDashboard(EmbeddingsApi api, CacheKey database, EmbeddingSettings settings, TimeProvider time)
    {
        // What ASP.NET Core's own host would register for routing.
        _services = new ServiceCollection().AddLogging().AddMetrics().AddRouting().AddSingleton(new DiagnosticListener("dashboard"))
            .BuildServiceProvider();
        var app = new ApplicationBuilder(_services);
        var dashboard = new DashboardEndpoints(new HostKeyDoor(database, settings), time);
        app.UseRouting();
        app.UseEndpoints(routes => dashboard.Map(routes, DashboardEndpoints.DefaultPrefix, api, _engine));
        _serve = app.Build();
    }

    /// <param name="engine">Carries runs that the request asks for.</param>
    /// <param name="isChecked">Whether the host has checked the request's key.</param>
    public IResult Serve(IRunEngine engine, bool isChecked) => new Served(this, engine, isChecked);

    public void Dispose() => _services.Dispose();

    private sealed class Served(RoutedDashboard dashboard, IRunEngine engine, bool isChecked) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            // The host's own route would be taken for the one that is looked for.
            httpContext.SetEndpoint(null);
            httpContext.Request.RouteValues.Clear();
            httpContext.Features.Set(isChecked ? new CheckedByHost() : null);
            dashboard._engine.Current = engine;
            return dashboard._serve(httpContext);
        }
    }
}
