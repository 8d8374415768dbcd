using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Cli.Mcp;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>The HTTP API of the Functions app, on this machine and without Azure.</summary>
internal sealed class LocalServer : IAsyncDisposable
{
    /// <summary>Where Prometheus finds the figures.</summary>
    public const string Metrics = "/metrics";

    private readonly WebApplication _web;
    private readonly ServerKeyFile? _key;

    private LocalServer(WebApplication web, string? madeKey)
    {
        _web = web;
        _key = madeKey is null ? null : ServerKeyFile.Write(new Uri(Address).Port, madeKey);
    }

    /// <summary>Where the key is that it made for itself, or null.</summary>
    public string? KeyFile => _key?.Path;

    /// <summary>Where it listens, with the port that it was given.</summary>
    public string Address => _web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <exception cref="SettingsException">It would listen to other machines without a key.</exception>
    /// <exception cref="IOException">The address is in use or not this machine's.</exception>
    public static async Task<LocalServer> Start(Session session, string url, bool hasKey, CancellationToken cancellation)
    {
        var door = new ApiKeyGate(session.Settings, session.Get<SearchKeys>(), url, hasKey);
        // Empty: no other setting of the environment changes where it listens or what it says.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore().AddLogging().AddHttpContextAccessor().AddSearchAgents(session);
        builder.Services.AddApiDocument();
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(EngineTelemetry.Name).AddPrometheusExporter());
        builder.WebHost.UseKestrelCore().UseUrls(url).ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        var web = builder.Build();
        web.UseStatusCodePages(
            missed => Results.Problem(statusCode: missed.HttpContext.Response.StatusCode).ExecuteAsync(missed.HttpContext));
        web.UseRouting();
        web.Use(door.Check);
        web.MapEmbeddings(Routes.Host, session.Get<EmbeddingsApi>(), session.Get<BackgroundEngine>()).AnswerAtDoor();
        web.MapOpenApi(ApiDocument.Path);
        web.MapSearchAgents(door);
        web.MapSearchPage();
        _ = session.Get<EngineGauges>();
        web.MapPrometheusScrapingEndpoint(Metrics);
        var keyFile = (string?)null;
        new DashboardEndpoints(new ServerDoor(door, () => keyFile), session.Get<IServiceProvider>().Time())
            .Map(
                web, DashboardEndpoints.DefaultPrefix, session.Get<EmbeddingsApi>(), session.Get<BackgroundEngine>(), hasSearch: true)
            .WithMetadata(Admission.Everyone);
        await web.StartAsync(cancellation);
        var server = new LocalServer(web, door.MadeKey);
        keyFile = server.KeyFile;
        return server;
    }

    /// <summary>Answers no more requests; those under way get two seconds.</summary>
    public async Task Stop()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _web.StopAsync(patience.Token);
    }

    public ValueTask DisposeAsync()
    {
        _key?.Dispose();
        return _web.DisposeAsync();
    }
}
