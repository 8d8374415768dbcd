using System.Net;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Cli.Tests.Search;
using Microsoft.Playwright;
using static EmbeddingFunctions.Cli.Tests.Dashboard.DashboardWorkspace;

namespace EmbeddingFunctions.Cli.Tests.Dashboard;

/// <summary>Who is let in to the dashboard, and what comes of it.</summary>
public sealed class DashboardDoorTests(DashboardWorkspace workspace, Chromium chromium)
    : IClassFixture<DashboardWorkspace>, IClassFixture<Chromium>
{
    private const string Api = "/embeddings/api";

    // Without a memory for cookies.
    private static readonly HttpClient _plain = new(new SocketsHttpHandler { UseCookies = false });

    [Fact]
    public async Task A_person_signs_in_by_the_key_stays_signed_in_and_signs_out()
    {
        var page = await chromium.Open();
        await page.GotoAsync($"{workspace.Server.Address}/embeddings");
        await Assertions.Expect(page.Locator("#key")).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync("wrong");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("[role=alert]")).ToHaveTextAsync("This key is not known here.");
        await page.Keyboard.TypeAsync(Key);
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Now");

        var cookie = Assert.Single(await page.Context.CookiesAsync());
        Assert.Equal((true, SameSiteAttribute.Strict, "/embeddings"), (cookie.HttpOnly, cookie.SameSite, cookie.Path));
        Assert.DoesNotContain("0123456789", cookie.Value, StringComparison.Ordinal);
        Assert.Equal("", await page.EvaluateAsync<string>("document.cookie"));
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Now");

        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Assertions.Expect(page.Locator("#key")).ToBeVisibleAsync();
        Assert.Empty(await page.Context.CookiesAsync());
    }

    [Fact]
    public async Task Who_may_only_look_sees_figures_and_neither_buttons_nor_texts()
    {
        var (page, _) = await workspace.Open(chromium, "corpora", ReadKey);
        await Assertions.Expect(page.Locator("header")).ToContainTextAsync("read only");
        await Assertions.Expect(page.Locator("#corpus-workspace")).ToContainTextAsync("text-embedding-3-small");
        Assert.Equal(0, await page.GetByRole(AriaRole.Button, new() { Name = "Pause" }).CountAsync());
        await page.ClickAsync("nav a[href='#/runs']");
        await Assertions.Expect(page.Locator("table")).ToBeVisibleAsync();
        Assert.Equal(0, await page.GetByRole(AriaRole.Button, new() { Name = "Start" }).CountAsync());

        var session = await SignIn(ReadKey, "login/read");
        foreach (var (method, route) in new[]
        {
            ("POST", "compute"), ("POST", "corpora/workspace/pause"), ("POST", "corpora/workspace/audit"), ("POST", "predict"),
            ("POST", "failures/retry"),
        })
        {
            using var refused = await Send(method, $"{Api}/{route}", session);
            Assert.Equal((route, HttpStatusCode.Forbidden), (route, refused.StatusCode));
        }

        // Search has a page of its own.
        using var absent = await Send("GET", $"{Api}/search?corpus=workspace&query=item", session);
        Assert.Equal(HttpStatusCode.NotFound, absent.StatusCode);
        using var shown = await Send("GET", $"{Api}/runs", session);
        Assert.Equal(HttpStatusCode.OK, shown.StatusCode);
        // The same key without a session.
        Assert.Equal(HttpStatusCode.OK, await Direct("GET", "status", ReadKey));
        Assert.Equal(HttpStatusCode.Forbidden, await Direct("POST", "compute", ReadKey));
        Assert.Equal(HttpStatusCode.Forbidden, await Direct("GET", "search?corpus=workspace&query=item", ReadKey));
    }

    [Fact]
    public async Task The_session_of_who_may_change_something_searches_and_a_reader_s_does_not()
    {
        var (page, faults) = await workspace.Open(chromium);
        await page.GotoAsync($"{workspace.Server.Address}/embeddings/search");
        await Assertions.Expect(page.Locator("#query")).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync("change");
        await Assertions.Expect(page.Locator("#results .open").First).ToBeVisibleAsync();
        Assert.Empty(faults);

        (page, _) = await workspace.Open(chromium, key: ReadKey);
        await page.GotoAsync($"{workspace.Server.Address}/embeddings/search");
        await Assertions.Expect(page.Locator("#key")).ToBeFocusedAsync();

        foreach (var (session, status, found) in new[]
        {
            (await SignIn(Key, "login"), HttpStatusCode.OK, HttpStatusCode.BadRequest),
            (await SignIn(ReadKey, "login/read"), HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden),
            (null, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized),
        })
        {
            using var listed = await Send("GET", $"{Api}/corpora", session);
            using var searched = await Send("POST", $"{Api}/search", session);
            using var elsewhere = await Send("POST", $"{Api}/search", session, ("Sec-Fetch-Site", "cross-site"));
            Assert.Equal((status, found, HttpStatusCode.Forbidden), (listed.StatusCode, searched.StatusCode, elsewhere.StatusCode));
        }
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    [InlineData("Origin", "https://elsewhere.example")]
    [InlineData("Origin", "null")]
    public async Task Another_site_cannot_write_with_the_session_of_a_person(string header, string value)
    {
        var session = await SignIn(Key, "login");
        using var written = await Send("POST", $"{Api}/corpora/workspace/resume", session);
        Assert.Equal(HttpStatusCode.OK, written.StatusCode);

        using var refused = await Send("POST", $"{Api}/corpora/workspace/resume", session, (header, value));

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task Without_the_page_s_header_nothing_is_written_and_without_a_session_nothing_is_told()
    {
        var session = await SignIn(Key, "login");
        using var plain = new HttpRequestMessage(HttpMethod.Post, $"{workspace.Server.Address}{Api}/corpora/workspace/pause");
        plain.Headers.Add("Cookie", session);
        using var refused = await _plain.SendAsync(plain);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(0, await workspace.Database.Ask<long>("SELECT count(*) FROM embedding.pauses"));

        foreach (var route in new[] { "overview", "events", "runs", "status", "declarations" })
        {
            using var unknown = await Send("GET", $"{Api}/{route}", null);
            Assert.Equal((route, HttpStatusCode.Unauthorized), (route, unknown.StatusCode));
        }
    }

    [Theory]
    [InlineData("Reader", "Operator")]
    [InlineData(".1", ".2")]
    public async Task A_session_that_was_tampered_with_is_none(string part, string other)
    {
        var session = await SignIn(ReadKey, "login/read");
        Assert.Contains(part, session, StringComparison.Ordinal);

        using var refused = await Send("GET", $"{Api}/runs", session.Replace(part, other, StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task Guessing_is_slowed()
    {
        await using var server = await workspace.Serve();
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 12; i++)
        {
            using var answer = await Send("POST", $"{Api}/login", null, server, ("x-functions-key", $"guess {i}"));
            answers.Add(answer.StatusCode);
        }

        Assert.Equal(Enumerable.Repeat(HttpStatusCode.Unauthorized, 10), answers.Take(10));
        Assert.Equal(HttpStatusCode.TooManyRequests, answers[11]);
    }

    [Fact]
    public async Task Without_a_key_this_machine_is_let_in_at_once_and_no_other_page()
    {
        await using var server = await Server.Start(
            new Program(workspace.Database, workspace.Fake).Set("EMBEDDINGS_SCHEDULE", "0 0 0 1 1 *"), "--no-key");
        var page = await chromium.Open();
        await page.GotoAsync($"{server.Address}/embeddings");
        await Assertions.Expect(page.Locator(".headline")).ToContainTextAsync("embedded");

        using var forwarded = await Send("GET", $"{Api}/overview", null, server, ("X-Forwarded-For", "192.0.2.7"));
        using var foreign = await Send("POST", $"{Api}/corpora/workspace/pause", null, server, ("Origin", "https://elsewhere.example"));
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden), (forwarded.StatusCode, foreign.StatusCode));
    }

    [Fact]
    public async Task Its_policy_is_strict_and_its_files_need_no_key_and_are_sent_once()
    {
        foreach (var (path, type) in new[] { ("", "text/html"), ("/dashboard.css", "text/css"), ("/dashboard.js", "text/javascript") })
        {
            using var response = await Send("GET", $"/embeddings{path}", null);
            Assert.Equal((HttpStatusCode.OK, type), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
            var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
            Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
            Assert.Contains("require-trusted-types-for 'script'", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            using var again = await Send("GET", $"/embeddings{path}", null, ("If-None-Match", $"{response.Headers.ETag}"));
            Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        }

        var session = await SignIn(Key, "login");
        foreach (var route in new[] { "runs", "declarations", "cost", "failures", "trends?days=7" })
        {
            using var first = await Send("GET", $"{Api}/{route}", session);
            using var second = await Send("GET", $"{Api}/{route}", session, ("If-None-Match", $"{first.Headers.ETag}"));
            Assert.Equal((route, HttpStatusCode.NotModified), (route, second.StatusCode));
        }
    }

    private async Task<string> SignIn(string key, string route)
    {
        using var answer = await Send("POST", $"{Api}/{route}", null, ("x-functions-key", key));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return Assert.Single(answer.Headers.GetValues("Set-Cookie")).Split(';')[0];
    }

    private Task<HttpResponseMessage> Send(string method, string path, string? session, params (string Name, string Value)[] headers) =>
        Send(method, path, session, workspace.Server, headers);

    private static async Task<HttpResponseMessage> Send(
        string method, string path, string? session, Server server, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), $"{server.Address}{path}");
        request.Headers.Add("x-embeddings-page", "1");
        if (session is not null)
        {
            request.Headers.Add("Cookie", session);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        if (method == "POST")
        {
            request.Content = new StringContent(new JsonObject().ToJsonString());
        }

        return await _plain.SendAsync(request);
    }

    private async Task<HttpStatusCode> Direct(string method, string route, string key)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/api/embeddings/{route}");
        request.Headers.Add("x-functions-key", key);
        using var response = await workspace.Server.Send(request);
        return response.StatusCode;
    }
}
