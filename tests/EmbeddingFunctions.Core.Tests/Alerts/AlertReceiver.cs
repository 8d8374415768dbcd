using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Alerts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Core.Tests.Alerts;

/// <summary>A receiver of alerts on this machine, which keeps what it gets.</summary>
internal sealed class AlertReceiver : IAsyncDisposable
{
    public const string Token = "T0KEN-in-the-address";

    private readonly WebApplication _web;
    private readonly ConcurrentQueue<(byte[] Body, string? Signature)> _received = new();
    private int _refusals;

    private AlertReceiver(WebApplication web) => _web = web;

    public IReadOnlyList<(byte[] Body, string? Signature)> Received => [.. _received];

    public IReadOnlyList<JsonNode> Messages => Received.Select(one => JsonNode.Parse(one.Body)!).ToList();

    public Uri Url => new($"{_web.Urls.First()}/hooks/{Token}");

    public static async Task<AlertReceiver> Start()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        var receiver = new AlertReceiver(builder.Build());
        receiver._web.Run(receiver.Take);
        await receiver._web.StartAsync();
        return receiver;
    }

    /// <summary>Answers the next messages with 500.</summary>
    public void Refuse(int messages) => _refusals = messages;

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private async Task Take(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var isRefused = Interlocked.Decrement(ref _refusals) >= 0;
        if (!isRefused)
        {
            _received.Enqueue((body.ToArray(), context.Request.Headers[AlertRequest.SignatureHeader].FirstOrDefault()));
        }

        context.Response.StatusCode = isRefused ? StatusCodes.Status500InternalServerError : StatusCodes.Status204NoContent;
    }
}
