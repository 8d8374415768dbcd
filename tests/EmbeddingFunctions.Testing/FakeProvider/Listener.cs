using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EmbeddingFunctions.Testing;

/// <summary>Kestrel on one port, which it keeps when stopped and started again.</summary>
internal sealed class Listener(FakeServices services)
{
    private readonly EmbeddingsEndpoint _endpoint = new(services);
    private readonly BatchesEndpoint _batches = new(services);
    private int _port = services.Options.Port;
    private int _connectionCount;
    private WebApplication? _app;

    public string Root => $"http://127.0.0.1:{_port}";

    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        // With no room to buffer a flush completes when the socket has the bytes, so that a reset in mid-body comes after the first half.
        builder.WebHost.UseKestrelCore().UseSockets(sockets => sockets.MaxWriteBufferSize = 1).ConfigureKestrel(Configure);
        var app = builder.Build();
        app.Run(RouteAsync);
        await app.StartAsync();
        _app = app;
        _port = new Uri(app.Urls.Single()).Port;
    }

    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _app, null) is not { } app)
            return;
        // Already cancelled: connections are cut at once, and requests held or hanging are let go.
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        // A slow client is a test's own affair, and a slow reader must not be cut off by the server first.
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Listen(IPAddress.Loopback, _port, listen => listen.Use(next => connection =>
        {
            Interlocked.Increment(ref _connectionCount);
            return next(connection);
        }));
    }

    private Task RouteAsync(HttpContext http) => (http.Request.Method, http.Request.Path.Value) switch
    {
        ("POST", "/v1/embeddings") => _endpoint.HandleAsync(http),
        ("POST", { } path) when IsDeployment(path) && http.Request.Query.ContainsKey("api-version") => _endpoint.HandleAsync(http),
        var (_, path) when BatchesEndpoint.Serves(path) => _batches.HandleAsync(http),
        ("GET", "/audit") => AuditReport.SendAsync(http, services.Audit),
        var (method, path) => RefuseAsync(http, new Refusal(404, $"Invalid URL ({method} {path})")),
    };

    // Azure OpenAI's address of a deployment; the deployments here are named like their models.
    private bool IsDeployment(string path) => services.Options.Models.Keys.Any(model => path == $"/openai/deployments/{model}/embeddings");

    private static async Task RefuseAsync(HttpContext http, Refusal refusal)
    {
        http.Response.StatusCode = refusal.Status;
        http.Response.ContentType = "application/json";
        await http.Response.BodyWriter.WriteAsync(refusal.ToJson());
    }
}
