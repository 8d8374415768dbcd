using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Search;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>The routes of search within an app, for callers who see a part.</summary>
public sealed class SearchEndpointTests(SearchedLibrary library) : IClassFixture<SearchedLibrary>
{
    [Fact]
    public async Task A_caller_sees_what_the_app_s_delegate_tells()
    {
        await using var app = await Start();

        var (north, ofNorth) = await Ask(app, "POST", "search", "north", new { corpus = "books", query = "bread", limit = 100 });
        var (all, ofAll) = await Ask(app, "POST", "search", "all", new { corpus = "books", query = "bread", limit = 100 });
        var (nowhere, _) = await Ask(app, "POST", "search", null, new { corpus = "books", query = "bread" });
        var (other, refusal) = await Ask(
            app, "POST", "search", "north", new { corpus = "books", query = "bread", partition = "south" });

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (north, all));
        Assert.Equal(["north"], Partitions(ofNorth));
        Assert.Equal(["north", "south"], Partitions(ofAll));
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden), (nowhere, other));
        Assert.Contains("You may search the partitions north", (string)refusal["detail"]!, StringComparison.Ordinal);
        // 4 is in the south.
        Assert.Equal(HttpStatusCode.NotFound, (await Ask(app, "GET", "similar/books/books/4", "north")).Status);
        Assert.Equal(HttpStatusCode.OK, (await Ask(app, "GET", "similar/books/books/5", "north")).Status);
        Assert.Equal(HttpStatusCode.OK, (await Ask(app, "GET", "corpora", "north")).Status);
        Assert.Equal(HttpStatusCode.OK, (await Ask(app, "POST", "embed", "north", new { corpus = "books", query = "bread" })).Status);
    }

    [Theory]
    [InlineData("GET", "status")]
    [InlineData("GET", "runs")]
    [InlineData("POST", "compute")]
    [InlineData("GET", "switches/books")]
    public async Task Nothing_else_is_mapped(string method, string route)
    {
        await using var app = await Start();
        using var client = app.GetTestClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/find/{route}");
        request.Headers.Add("x-sees", "all");

        using var response = await client.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    private static IEnumerable<string> Partitions(JsonNode answer) =>
        answer["results"]!.AsArray().Select(item => (string)item!["partition"]!).Distinct().Order();

    private static async Task<(HttpStatusCode Status, JsonNode Answer)> Ask(
        WebApplication app, string method, string route, string? sees, object? body = null)
    {
        using var client = app.GetTestClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/find/{route}");
        request.Headers.Add("x-sees", sees ?? "nothing");
        request.Content = body is null ? null : JsonContent.Create(body);
        using var response = await client.SendAsync(request);
        return (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonNode>())!);
    }

    private async Task<WebApplication> Start()
    {
        var app = library.Builder().Build();
        app.MapEmbeddingsSearch("/find", context => ValueTask.FromResult(context.Request.Headers["x-sees"].ToString() switch
        {
            "all" => SearchScope.All,
            "nothing" => null,
            var partition => new SearchScope(["books"], [partition]),
        }));
        await app.StartAsync();
        return app;
    }
}
