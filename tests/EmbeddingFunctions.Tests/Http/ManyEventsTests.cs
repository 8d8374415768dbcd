using System.Net;
using EmbeddingFunctions.Cli.Tests;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Tests.Http;

/// <summary>Both hosts refuse an event while too many runs wait, and say when to send it again.</summary>
public sealed class ManyEventsTests
{
    private const string Compute = "/api/embeddings/compute";

    [Fact]
    public async Task H2_While_sixty_runs_wait_an_event_is_answered_429_with_the_seconds_until_one_has_started()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using var database = await TestDatabase.Migrated();
        await database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, host, item_limit, starts_at)
            SELECT gen_random_uuid(), 'workspace', '{}', host, n, now() + n * interval '12 seconds'
            FROM   generate_series(1, 60) n, unnest(ARRAY['functions', 'server']) host
            """);
        await using var functions = await FunctionsHost.Start(database.Source, fake);
        using var toFunctions = functions.Client();
        await using var server = await Server.Start(new Cli.Tests.Program(database, fake));
        using var toServer = new HttpClient { BaseAddress = new Uri(server.Address) };
        toServer.DefaultRequestHeaders.Add("x-functions-key", await File.ReadAllTextAsync(server.KeyFile!));

        foreach (var client in new[] { toFunctions, toServer })
        {
            using var covered = await Post(client, """{"limit":60}""");
            using var refused = await Post(client, """{"limit":61}""");

            Assert.Equal(HttpStatusCode.Accepted, covered.StatusCode);
            Assert.Equal(
                (HttpStatusCode.TooManyRequests, "application/problem+json", 12),
                (refused.StatusCode, refused.Content.Headers.ContentType?.ToString(), refused.Headers.RetryAfter?.Delta?.TotalSeconds));
            Assert.Contains("send the event again later", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(120, await database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE due_at IS NULL"));
    }

    private static Task<HttpResponseMessage> Post(HttpClient client, string body) =>
        client.PostAsync(new Uri(Compute, UriKind.Relative), new StringContent(body));
}
