using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EmbeddingFunctions.Cli.Tests;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Tests.Http;

/// <summary>
/// One list of requests, sent to the Functions app and to <c>embeddings serve</c>: both must give the answer written down, and the same
/// one.
/// </summary>
public sealed partial class HttpFaceTests : IAsyncLifetime
{
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
        foreach (var request in FaceRequests.All)
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
            $$"""{"repositoryId":"{{FaceRequests.Repository}}","itemTypes":["issues"],"forceRegenerate":true,"limit":9}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, FaceRequests.Compute)
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
        Assert.Equal(
            ["workspace", FaceRequests.Repository, 9, true, "functions", "k-1", "pending"], row.Where(value => value is not string[]));
        Assert.Equal("issue", Assert.Single((string[])row[2]!));
    }

    [Fact]
    public async Task Without_its_database_every_function_says_so_and_shows_nothing()
    {
        await using var nowhere = Database.Open("Host=127.0.0.1;Port=1;Username=ann7;Password=s3cr-et;Timeout=2");
        await using var functions = await FunctionsHost.Start(nowhere, _fake);
        using var client = functions.Client();
        foreach (
            var request in new[]
            {
                "GET /api/embeddings/health",
                "GET /api/embeddings/status",
                "GET /api/embeddings/runs",
                $"GET /api/embeddings/runs/{FaceRequests.Open}",
                $"POST {FaceRequests.Compute}",
                $"POST /api/embeddings/runs/{FaceRequests.Open}/cancel"
            })
        {
            var answer = await Answer(client, request, request.EndsWith(FaceRequests.Compute, StringComparison.Ordinal) ? "{}" : null);

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

    // Ids made in a run, moments, and how long edits wait.
    private static string Steady(string text) =>
        LagPattern().Replace(MomentPattern().Replace(NewIdPattern().Replace(text, "ID"), "MOMENT"), "$1LAG");

    private static async Task<TestDatabase> Filled()
    {
        var database = await TestDatabase.Migrated();
        await database.Execute("INSERT INTO repositories (id, full_name) VALUES ($1, 'acme/one')", Guid.Parse(FaceRequests.Repository));
        await database.Execute(
            "WITH w AS (INSERT INTO workspaces (name) VALUES ('w') RETURNING id) INSERT INTO workspace_repositories SELECT w.id, $1 FROM w",
            Guid.Parse(FaceRequests.Repository));
        await database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, status, items_total, items_processed, items_failed, error_message, due_at,
                started_at, completed_at, created_at) VALUES
                ($1, 'workspace', '{}', 'completed', 7, 5, 0, NULL, now() + interval '50 seconds', now(), now(), now() - interval
                    '3 minutes'),
                ($2, 'workspace', '{issue}', 'failed', 1, 0, 1, 'no quota', NULL, now(), now(), now() - interval '2 minutes'),
                ($3, 'workspace', '{}', 'processing', 9, 0, 0, NULL, NULL, now(), NULL, now() - interval '1 minute')
            """, Guid.Parse(FaceRequests.Completed), Guid.Parse(FaceRequests.Failed), Guid.Parse(FaceRequests.Open));
        await database.Execute(
            """
            INSERT INTO embedding.batches (id, run_id, kind, partition, claimed, embedded, tokens) VALUES
                (gen_random_uuid(), $1, 'issue', 'p', 5, 5, 1000), (gen_random_uuid(), $2, 'issue', 'p', 3, 3, 10)
            """, Guid.Parse(FaceRequests.Completed), Guid.Parse(FaceRequests.Open));
        await database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, is_dead, reason, failed_at)
            VALUES ('workspace', 'issue', '00000000-0000-4000-8000-000000000007', 'p', 3, true, 'too long', now())
            """);
        var workspace = new TestWorkspace(database);
        await workspace.Items(Guid.Parse(FaceRequests.Repository), 2);
        return database;
    }

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-(?!8000-0000000000)[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex NewIdPattern();

    [GeneratedRegex("""("(?:p50|p95|max)":)[0-9][0-9.Ee-]*""")]
    private static partial Regex LagPattern();

    [GeneratedRegex(@"20\d\d-\d\d-\d\dT[0-9:.]+(Z|\+00:00)")]
    private static partial Regex MomentPattern();
}
