using System.Net;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Tests.Http;

/// <summary>The dashboard in the Functions app, whose host checks the keys of who signs in.</summary>
public sealed class DashboardFaceTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private FunctionsHost _functions = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _functions = await FunctionsHost.Start(_database.Source, _fake);
    }

    public async Task DisposeAsync()
    {
        await _functions.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task Its_pages_are_open_and_its_data_are_told_to_who_has_signed_in()
    {
        using var client = _functions.Client();
        var page = await client.GetStringAsync(new Uri("/embeddings", UriKind.Relative));
        Assert.Contains("embeddings/dashboard.js", page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await Send(client, "GET", "dashboard.js"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Send(client, "GET", "api/overview"));
        // Past the host's check of keys, whatever is sent.
        Assert.Equal(HttpStatusCode.Unauthorized, await Send(client, "POST", "api/LOGIN/read", ("x-functions-key", "any")));

        var session = await SignIn(client);

        Assert.Equal(HttpStatusCode.OK, await Send(client, "GET", "api/overview", ("Cookie", session)));
        Assert.Equal(HttpStatusCode.OK, await Send(client, "GET", "api/runs", ("Cookie", session)));
        Assert.Equal(HttpStatusCode.NotFound, await Send(client, "GET", "api/nothing", ("Cookie", session)));
        Assert.Equal(HttpStatusCode.Accepted, await Send(client, "POST", "api/compute", ("Cookie", session)));
        Assert.Single(await _functions.Begun());
    }

    private static async Task<string> SignIn(HttpClient client)
    {
        // The host lets only requests with a key of the app come to this function.
        using var request = Request("POST", "api/login");
        using var answer = await client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return Assert.Single(answer.Headers.GetValues("Set-Cookie")).Split(';')[0];
    }

    private static async Task<HttpStatusCode> Send(
        HttpClient client, string method, string route, params (string Name, string Value)[] headers)
    {
        using var request = Request(method, route, headers);
        using var answer = await client.SendAsync(request);
        return answer.StatusCode;
    }

    private static HttpRequestMessage Request(string method, string route, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), $"/embeddings/{route}");
        request.Headers.Add("x-embeddings-page", "1");
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        request.Content = method == "POST" ? new StringContent("{}") : null;
        return request;
    }
}
