using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>The HTTP API within an app, behind the app's own authorization.</summary>
public sealed class EndpointTests : IAsyncLifetime
{
    private readonly OwnGenerator _generator = new();
    private Blog _blog = null!;

    public async Task InitializeAsync() => _blog = await Blog.Create(5);

    public async Task DisposeAsync() => await _blog.DisposeAsync();

    [Theory]
    [InlineData("GET", "/admin/embeddings/status")]
    [InlineData("GET", "/admin/embeddings/health")]
    [InlineData("GET", "/admin/embeddings/runs")]
    [InlineData("POST", "/admin/embeddings/compute")]
    public async Task Callers_without_the_app_s_authorization_are_refused(string method, string path)
    {
        await using var app = await Start();
        using var client = app.GetTestClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var refused = await client.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task An_event_begins_a_run_in_this_process_without_a_worker()
    {
        await using var app = await Start();
        using var client = app.GetTestClient();
        client.DefaultRequestHeaders.Add("x-operator", "yes");

        using var accepted = await client.PostAsJsonAsync("/admin/embeddings/compute", new { });
        await _blog.WaitUntilEmbedded(5, _generator.VectorOf);

        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        Assert.StartsWith("/admin/embeddings/runs/", accepted.Headers.Location!.ToString(), StringComparison.Ordinal);
        var run = await client.GetFromJsonAsync<JsonNode>(accepted.Headers.Location);
        Assert.Equal("articles", (string)run!["run"]!["corpus"]!);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/admin/embeddings/health")).StatusCode);
    }

    [Fact]
    public async Task Without_AddEmbeddings_it_says_what_is_missing()
    {
        await using var app = App.Bare().Build();

        Assert.Contains(
            "AddEmbeddings", Assert.Throws<InvalidOperationException>(() => app.MapEmbeddings("/x")).Message, StringComparison.Ordinal);
    }

    private async Task<WebApplication> Start()
    {
        var builder = App.Builder(_blog.Source, _generator);
        builder.Services.AddAuthentication("app").AddBearerToken("app");
        builder.Services.AddAuthorization(options => options.AddPolicy("operators", policy => policy.RequireAssertion(
            context => ((HttpContext)context.Resource!).Request.Headers.ContainsKey("x-operator"))));
        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapEmbeddings("/admin/embeddings").RequireAuthorization("operators");
        await app.Embeddings().MigrateAsync("articles");
        await app.StartAsync();
        return app;
    }
}
