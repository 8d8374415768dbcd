using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Search;
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
    [InlineData("GET", "/admin/embeddings/switches/articles")]
    [InlineData("POST", "/admin/embeddings/switches/articles/flip")]
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

    [Theory]
    [InlineData("GET", "status")]
    [InlineData("GET", "runs")]
    [InlineData("GET", "runs/00000000-0000-7000-8000-000000000001")]
    [InlineData("POST", "runs/00000000-0000-7000-8000-000000000001/cancel")]
    [InlineData("POST", "compute")]
    [InlineData("POST", "switches/articles/begin")]
    public async Task A_database_that_was_never_migrated_is_not_ready_and_the_answer_says_what_to_do(string method, string route)
    {
        await using var app = await Start(migrated: false);

        var (status, problem) = await Ask(app, method, route);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal("The database is not ready.", (string)problem["title"]!);
        Assert.Contains("embeddings migrate", (string)problem["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_status_code_says_whose_fault_it_is()
    {
        await using var app = await Start();

        var (unknown, noRun) = await Ask(app, "GET", "runs/00000000-0000-7000-8000-000000000001");
        var (unusable, noPartition) = await Ask(app, "POST", "compute", new { repositoryId = "7" });
        // Altered under the app's feet: a fault of neither the caller nor the program.
        await using (var command = _blog.Source.CreateCommand("ALTER TABLE embedding.jobs DROP COLUMN kinds CASCADE"))
        {
            await command.ExecuteNonQueryAsync();
        }

        var (broken, misfit) = await Ask(app, "POST", "compute", new { });

        Assert.Equal(HttpStatusCode.NotFound, unknown);
        Assert.Contains("There is no run", (string)noRun["detail"]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, unusable);
        Assert.Contains("has no partitions", (string)noPartition["errors"]!["repositoryId"]![0]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, broken);
        Assert.Contains("embeddings doctor", (string)misfit["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_app_s_own_OpenAPI_document_describes_them_and_not_the_dashboard()
    {
        var builder = App.Builder(_blog.Source, _generator);
        builder.Services.AddOpenApi();
        await using var app = builder.Build();
        app.MapEmbeddings("/admin/embeddings");
        app.MapEmbeddingsSearch("/find", _ => ValueTask.FromResult<SearchScope?>(null));
        app.MapEmbeddingsDashboard();
        app.MapOpenApi();
        await app.StartAsync();
        using var client = app.GetTestClient();

        var document = (await client.GetFromJsonAsync<JsonNode>("/openapi/v1.json"))!;

        var paths = document["paths"]!.AsObject();
        var runs = paths["/admin/embeddings/runs"]!["get"]!;
        var limit = runs["parameters"]!.AsArray().Single(parameter => (string)parameter!["name"]! == "limit")!["schema"]!;
        Assert.Equal("The newest runs", (string)runs["summary"]!);
        Assert.Equal((1, 100, 20), ((int)limit["minimum"]!, (int)limit["maximum"]!, (int)limit["default"]!));
        Assert.Equal(
            "#/components/schemas/RunPage", (string)runs["responses"]!["200"]!["content"]!["application/json"]!["schema"]!["$ref"]!);
        Assert.Equal(
            "#/components/schemas/SearchRequest",
            (string)paths["/find/search"]!["post"]!["requestBody"]!["content"]!["application/json"]!["schema"]!["$ref"]!);
        Assert.Equal(
            ["hybrid", "vector", "text"],
            document["components"]!["schemas"]!["SearchMode"]!["enum"]!.AsArray().Select(word => (string)word!));
        Assert.All(paths, path => Assert.Matches("^/(admin/embeddings|find)/", path.Key));
    }

    [Fact]
    public async Task Without_AddEmbeddings_it_says_what_is_missing()
    {
        await using var app = App.Bare().Build();

        Assert.Contains(
            "AddEmbeddings", Assert.Throws<InvalidOperationException>(() => app.MapEmbeddings("/x")).Message, StringComparison.Ordinal);
    }

    private static async Task<(HttpStatusCode Status, JsonNode Answer)> Ask(
        WebApplication app, string method, string route, object? body = null)
    {
        using var client = app.GetTestClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/admin/embeddings/{route}");
        request.Headers.Add("x-operator", "yes");
        request.Content = method == "POST" ? JsonContent.Create(body ?? new { }) : null;
        using var response = await client.SendAsync(request);
        return (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonNode>())!);
    }

    private async Task<WebApplication> Start(bool migrated = true)
    {
        var builder = App.Builder(_blog.Source, _generator);
        builder.Services.AddAuthentication("app").AddBearerToken("app");
        builder.Services.AddAuthorization(options => options.AddPolicy("operators", policy => policy.RequireAssertion(
            context => ((HttpContext)context.Resource!).Request.Headers.ContainsKey("x-operator"))));
        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapEmbeddings("/admin/embeddings").RequireAuthorization("operators");
        if (migrated)
        {
            await app.Embeddings().MigrateAsync("articles");
        }

        await app.StartAsync();
        return app;
    }
}
