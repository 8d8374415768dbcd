using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EmbeddingFunctions.Cli.Tests;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Tests.Http;

/// <summary>
/// One list of requests, sent to the Functions app and to <c>embeddings serve</c>: both must give the answer written down, and the same
/// one.
/// </summary>
public sealed partial class HttpFaceTests : IAsyncLifetime
{
    private const string Compute = "/api/embeddings/compute";
    private const string Completed = "00000000-0000-7000-8000-000000000001";
    private const string Failed = "00000000-0000-7000-8000-000000000002";
    private const string Open = "00000000-0000-7000-8000-000000000003";
    private const string Repository = "00000000-0000-4000-8000-00000000000a";

    // Method and address, body, status, and words that the answer has.
    private static readonly (string Request, string? Body, int Status, string[] Words)[] _requests =
    [
        (
            "GET /api/embeddings/health", null, 200,
            ["\"isHealthy\":true", "\"name\":\"database\"", "\"name\":\"corpus workspace\"", "\"name\":\"provider\""]),
        ("GET /api/embeddings/status", null, 200, ["\"corpus\":\"workspace\"", "\"pending\":2", "\"coverage\":0", "\"failures\":[]"]),
        ("GET /api/embeddings/status?corpus=workspace", null, 200, ["\"corpus\":\"workspace\""]),
        (
            "GET /api/embeddings/status?corpus=laws", null, 400,
            ["\"corpus\":[", "There is no corpus 'laws'. Declared are: workspace, sessions, summaries, clips, documents."]),
        ("GET /api/embeddings/runs", null, 200, [Completed, Failed, Open]),
        (
            "GET /api/embeddings/runs?status=failed&corpus=workspace&limit=1", null, 200,
            [Failed, "\"error\":\"no quota\"", "\"itemsFailed\":1"]),
        ("GET /api/embeddings/runs?status=lost", null, 400, ["\"status\":[", "it takes pending, processing, completed, failed, cancelled"]),
        ("GET /api/embeddings/runs?limit=0", null, 400, ["limit is '0'; it takes a whole number from 1 to 100"]),
        ("GET /api/embeddings/runs?limit=101", null, 400, ["limit is '101'"]),
        ("GET /api/embeddings/runs?corpus=laws", null, 400, ["There is no corpus 'laws'"]),
        (
            $"GET /api/embeddings/runs/{Completed}", null, 200,
            ["\"status\":\"completed\"", "\"itemsTotal\":7", "\"embedded\":5", "\"tokens\":1000", "\"dollars\":0.00002", "\"note\":null"]),
        ($"GET /api/embeddings/runs/{Open}", null, 200, ["\"status\":\"processing\"", "\"itemsProcessed\":3", "\"host\":\"command\""]),
        (
            "GET /api/embeddings/runs/00000000-0000-7000-8000-0000000000ff", null, 404,
            ["There is no run '00000000-0000-7000-8000-0000000000ff'"]),
        ("GET /api/embeddings/runs/seven", null, 404, ["There is no run 'seven'"]),
        ($"POST /api/embeddings/runs/{Open}/cancel", null, 202, ["\"cancelRequested\":true"]),
        ($"POST /api/embeddings/runs/{Completed}/cancel", null, 409, ["is completed"]),
        ("POST /api/embeddings/runs/seven/cancel", null, 404, ["There is no run 'seven'"]),
        ($"POST {Compute}", "{}", 202, ["\"corpus\":\"workspace\"", "\"isNew\":true"]),
        ($"POST {Compute}", """{"corpus":"workspace","limit":1}""", 202, ["\"isNew\":true"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","data":{"itemTypes":["issues","pull_request"],"forceRegenerate":false,"limit":null}}""", 202, ["\"isNew\":true"]),
        (
            $"POST {Compute}", """{"name":"embeddings/compute.requested","id":"e-1","ts":1700000000000,"user":{},"v":"1","data":{}}""", 202,
            ["\"isNew\":true"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","id":"e-1","data":{}}""", 202, ["\"isNew\":false"]),
        (
            $"POST {Compute}", """{"name":"embeddings/compute.requested","id":"e-1","data":{"limit":2}}""", 409,
            ["An earlier event with the id 'e-1' asked for another run"]),
        ($"POST {Compute}", $$"""{"repositoryId":"{{Repository}}"}""", 202, ["\"isNew\":true"]),
        (
            $"POST {Compute}", """{"repositoryId":"00000000-0000-4000-8000-0000000000ff"}""", 400,
            ["\"repositoryId\":[", "is no active partition of 'workspace'"]),
        (
            $"POST {Compute}", """{"data":{"repositoryId":7},"name":"embeddings/compute.requested"}""", 400,
            ["\"data.repositoryId\":[", "'7' is no active partition"]),
        ($"POST {Compute}", """{"repositoryId":true}""", 400, ["repositoryId is no id"]),
        (
            $"POST {Compute}", """{"corpus":"laws"}""", 400,
            ["\"corpus\":[", "corpus names no declared corpus; declared are: workspace, sessions, summaries, clips, documents."]),
        ($"POST {Compute}", """{"corpus":7}""", 400, ["corpus names no declared corpus"]),
        (
            $"POST {Compute}", """{"name":"embeddings/compute.requested","data":{"corpus":"laws","limit":-1}}""", 400,
            ["\"data.corpus\":[", "\"data.limit\":[", "is no whole number from 1 to 2147483647"]),
        ($"POST {Compute}", """{"itemTypes":["commits"]}""", 400, ["\"itemTypes\":[", "which are: issue, pull_request, discussion"]),
        ($"POST {Compute}", """{"itemTypes":[]}""", 400, ["itemTypes is no list of item types"]),
        ($"POST {Compute}", """{"itemTypes":[7]}""", 400, ["itemTypes is no list of item types"]),
        ($"POST {Compute}", """{"forceRegenerate":"yes"}""", 400, ["forceRegenerate is neither true nor false"]),
        ($"POST {Compute}", """{"limit":1.5}""", 400, ["limit is no whole number"]),
        ($"POST {Compute}", """{"limit":99999999999}""", 400, ["limit is no whole number"]),
        (
            $"POST {Compute}", """{"repositoryID":"x"}""", 400,
            ["\"repositoryID\":[", "is not known here; known are: corpus, repositoryId, itemTypes, forceRegenerate, limit"]),
        (
            $"POST {Compute}", """{"name":"embeddings/delete.requested","data":{}}""", 400,
            ["\"name\":[", "is missing, or is not 'embeddings/compute.requested'"]),
        ($"POST {Compute}", """{"data":{}}""", 400, ["\"name\":["]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested"}""", 400, ["data is missing"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","data":[]}""", 400, ["data is missing, or is no JSON object"]),
        (
            $"POST {Compute}", """{"name":"embeddings/compute.requested","id":"","data":{}}""", 400,
            ["\"id\":[", "is not 1 to 255 characters"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","id":7,"data":{}}""", 400, ["id is no string"]),
        ($"POST {Compute}", """{"name":"embeddings/compute.requested","id":"a\u0000b","data":{}}""", 400, ["control characters"]),
        ($"POST {Compute}", """{"limit":1,"limit":2}""", 400, ["is no JSON object"]),
        ($"POST {Compute}", """{"corpus":"\ud800"}""", 400, ["The body holds text that is no Unicode."]),
        ($"POST {Compute}", """{"\ud800":1}""", 400, ["The body holds text that is no Unicode."]),
        ($"POST {Compute}", "[]", 400, ["$ is no JSON object"]),
        ($"POST {Compute}", "limit=5", 400, ["The body is no JSON object"]),
        ($"POST {Compute}", "", 400, ["it is empty; send at least {}."]),
        ($"POST {Compute}", "LONG", 413, ["at most 65,536 bytes"]),
    ];

    private FakeOpenAi _fake = null!;
    private TestDatabase _forFunctions = null!;
    private TestDatabase _forServer = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _forFunctions = await Filled();
        _forServer = await Filled();
    }

    public async Task DisposeAsync()
    {
        await _forFunctions.DisposeAsync();
        await _forServer.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task Both_hosts_answer_every_request_alike_and_as_written_down()
    {
        await using var functions = await FunctionsHost.Start(_forFunctions.Source, _fake);
        using var toFunctions = functions.Client();
        await using var server = await Server.Start(new Cli.Tests.Program(_forServer, _fake));
        using var toServer = new HttpClient { BaseAddress = new Uri(server.Address) };
        toServer.DefaultRequestHeaders.Add("x-functions-key", await File.ReadAllTextAsync(server.KeyFile!));
        foreach (var request in _requests)
        {
            // A run that has not started would take the next event's work too.
            await Task.WhenAll(StartAll(_forFunctions), StartAll(_forServer));
            var fromFunctions = await Answer(toFunctions, request.Request, request.Body);
            var fromServer = await Answer(toServer, request.Request, request.Body);

            Assert.True(
                fromFunctions == fromServer, $"{request.Request} {request.Body}\nFunctions: {fromFunctions}\nserve:     {fromServer}");
            Assert.True(fromFunctions.Status == request.Status, $"{request.Request} {request.Body}\n{fromFunctions}");
            Assert.All(request.Words, words => Assert.Contains(words, fromFunctions.Body, StringComparison.Ordinal));
            Assert.Equal(request.Status >= 400 ? "application/problem+json" : "application/json; charset=utf-8", fromFunctions.ContentType);
        }

        Assert.Equal(5, (await functions.Begun()).Count);
    }

    [Fact]
    public async Task An_accepted_run_is_recorded_with_all_that_was_asked_for_before_the_answer()
    {
        await using var functions = await FunctionsHost.Start(_forFunctions.Source, _fake);
        using var client = functions.Client();
        using var content = new StringContent(
            $$"""{"repositoryId":"{{Repository}}","itemTypes":["issues"],"forceRegenerate":true,"limit":9}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, Compute)
        {
            Content = content,
            Headers = { { "Idempotency-Key", "k-1" } }
        };
        using var response = await client.SendAsync(request);

        var id = Assert.Single(await functions.Begun());
        Assert.Equal($"/api/embeddings/runs/{id}", response.Headers.Location?.ToString());
        var row = Assert.Single(await _forFunctions.Rows(
            "SELECT corpus, partition, kinds, item_limit, force_before IS NOT NULL, host, event_id, status FROM embedding.jobs WHERE id = "
                + "$1",
            id));
        Assert.Equal(["workspace", Repository, 9, true, "functions", "k-1", "pending"], row.Where(value => value is not string[]));
        Assert.Equal("issue", Assert.Single((string[])row[2]!));
    }

    [Fact]
    public async Task Without_its_database_every_function_says_so_and_shows_nothing()
    {
        await using var nowhere = Storage.Database.Open("Host=127.0.0.1;Port=1;Username=ann7;Password=s3cr-et;Timeout=2");
        await using var functions = await FunctionsHost.Start(nowhere, _fake);
        using var client = functions.Client();
        foreach (
            var request in new[]
            {
                "GET /api/embeddings/health",
                "GET /api/embeddings/status",
                "GET /api/embeddings/runs",
                $"GET /api/embeddings/runs/{Open}",
                $"POST {Compute}",
                $"POST /api/embeddings/runs/{Open}/cancel"
            })
        {
            var answer = await Answer(client, request, request.EndsWith(Compute, StringComparison.Ordinal) ? "{}" : null);

            Assert.Equal(503, answer.Status);
            Assert.DoesNotMatch("ann7|s3cr|127.0.0.1", answer.Body);
        }
    }

    private static Task StartAll(TestDatabase database) =>
        database.Execute("UPDATE embedding.jobs SET status = 'processing' WHERE status = 'pending'");

    private static async Task<HttpAnswer> Answer(HttpClient client, string request, string? body)
    {
        var (method, address) = (request.Split(' ')[0], request.Split(' ')[1]);
        using var message = new HttpRequestMessage(new HttpMethod(method), address);
        if (body is not null)
        {
            message.Content = new StringContent(
                body == "LONG" ? $"{{\"corpus\":\"{new string('x', 70_000)}\"}}" : body, Encoding.UTF8, "application/json");
        }

        using var response = await client.SendAsync(message);
        var text = await response.Content.ReadAsStringAsync();
        using var json = JsonDocument.Parse(text);
        return new HttpAnswer(
            (int)response.StatusCode, response.Content.Headers.ContentType?.ToString(), Steady(response.Headers.Location?.ToString() ?? ""),
            Steady(text));
    }

    // Ids made in a run, and moments.
    private static string Steady(string text) => MomentPattern().Replace(NewIdPattern().Replace(text, "ID"), "MOMENT");

    private static async Task<TestDatabase> Filled()
    {
        var database = await TestDatabase.Migrated();
        await database.Execute("INSERT INTO repositories (id, full_name) VALUES ($1, 'acme/one')", Guid.Parse(Repository));
        await database.Execute(
            "WITH w AS (INSERT INTO workspaces (name) VALUES ('w') RETURNING id) INSERT INTO workspace_repositories SELECT w.id, $1 FROM w",
            Guid.Parse(Repository));
        await database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, status, items_total, items_processed, items_failed, error_message, due_at,
                started_at, completed_at, created_at) VALUES
                ($1, 'workspace', '{}', 'completed', 7, 5, 0, NULL, now() + interval '50 seconds', now(), now(), now() - interval
                    '3 minutes'),
                ($2, 'workspace', '{issue}', 'failed', 1, 0, 1, 'no quota', NULL, now(), now(), now() - interval '2 minutes'),
                ($3, 'workspace', '{}', 'processing', 9, 0, 0, NULL, NULL, now(), NULL, now() - interval '1 minute')
            """, Guid.Parse(Completed), Guid.Parse(Failed), Guid.Parse(Open));
        await database.Execute(
            """
            INSERT INTO embedding.batches (id, run_id, kind, partition, claimed, embedded, tokens) VALUES
                (gen_random_uuid(), $1, 'issue', 'p', 5, 5, 1000), (gen_random_uuid(), $2, 'issue', 'p', 3, 3, 10)
            """, Guid.Parse(Completed), Guid.Parse(Open));
        var workspace = new TestWorkspace(database);
        await workspace.Items(Guid.Parse(Repository), 2);
        return database;
    }

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-(?!8000-0000000000)[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex NewIdPattern();

    [GeneratedRegex(@"20\d\d-\d\d-\d\dT[0-9:.]+(Z|\+00:00)")]
    private static partial Regex MomentPattern();
}

/// <summary>What a host answered, ids and moments left out.</summary>
internal sealed record HttpAnswer(int Status, string? ContentType, string Location, string Body);
