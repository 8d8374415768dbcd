using System.Net;
using System.Net.Http.Json;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Many events at once for <c>embeddings serve</c>: runs start within a minute, and a waiting one holds no connection.</summary>
public sealed class ServeBurstTests : ProgramTest
{
    private const int MostWaiting = 60;

    private protected override FakeOpenAiOptions Options { get; } = new() { Latency = TimeSpan.FromMilliseconds(100) };

    [Fact]
    public async Task H2_Six_hundred_events_at_once_are_a_few_runs_that_all_start_within_a_minute()
    {
        await Workspace.Items(await Workspace.Repository(), 30);
        await AsIfServed();
        await using var server = await Server.Start(Named());

        var asking = Task.WhenAll(Enumerable.Range(0, 600).Select(_ => server.Ask(new { })));
        var connections = await MostConnectionsWhile(asking);
        var runs = (await asking).Distinct().ToList();
        foreach (var run in runs)
        {
            Assert.Equal("completed", (await server.Ended(run)).GetProperty("run").GetProperty("status").GetString());
        }

        Assert.InRange(runs.Count, 1, 12);
        Assert.InRange(connections, 1, 24);
        Assert.True(await Database.Ask<bool>(
            "SELECT max(started_at) < min(created_at) + interval '1 minute' FROM embedding.jobs WHERE due_at IS NULL"));
        await AssertWhole();
        Assert.Equal(30, Fake.PaidInputCount);
    }

    [Fact]
    public async Task H2_Sixty_waiting_runs_hold_no_connections_and_free_the_schedule_when_they_are_cancelled()
    {
        using var folder = new TestFolder();
        await Workspace.Items(await Workspace.Repository(), 5);
        await AsIfServed();
        await LetARunWait();
        await using var server = await Server.Start(EverySecond(folder, Named()));

        var runs = new List<Guid>();
        for (var limit = 1; limit <= MostWaiting; limit++)
        {
            // Each asks for more than those before it take.
            runs.Add(await server.Ask(new { limit }));
        }

        using (var refused = await Post(server, new { limit = 1_000 }))
        {
            Assert.Equal((HttpStatusCode.TooManyRequests, 12), (refused.StatusCode, refused.Headers.RetryAfter?.Delta?.TotalSeconds));
            Assert.Contains(
                "60 runs of 'workspace' wait for their start", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // One beat of each run's lies within.
        Assert.InRange(await MostConnectionsWhile(Task.Delay(TimeSpan.FromSeconds(12)), onlyAtWork: true), 0, 16);
        await Database.Execute("UPDATE embedding.jobs SET cancel_requested_at = now() WHERE host = 'functions'");
        Assert.All(await Task.WhenAll(runs.Select(server.Cancel)), status => Assert.Equal(HttpStatusCode.Accepted, status));
        await Database.Execute("DELETE FROM embedding.jobs WHERE due_at IS NOT NULL");
        await Waiting.Until(async () => await Workspace.Embedded() == 5);

        Assert.True(await Database.Ask<bool>(
            "SELECT min(started_at - created_at) < interval '15 seconds' FROM embedding.jobs WHERE due_at IS NOT NULL"));
        Assert.Equal(
            MostWaiting, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE host = 'server' AND status = 'cancelled'"));
    }

    private static Program EverySecond(TestFolder folder, Program program)
    {
        const string Schedule = "* * * * * *";
        using var shipped = new StreamReader(typeof(Corpora.CorpusFile).Assembly.GetManifestResourceStream("corpora.json")!);
        var path = Path.Combine(folder.Path, "corpora.json");
        File.WriteAllText(path, shipped.ReadToEnd().Replace("0 */15 * * * *", Schedule, StringComparison.Ordinal));
        return program.Set("CORPORA_FILE", path).Set("EMBEDDINGS_SCHEDULE", Schedule);
    }

    // The program's sessions can be told from the test's own.
    private Program Named() => Program.Set("DATABASE_URL", $"{Database.ConnectionString};Application Name=burst");

    private async Task<long> MostConnectionsWhile(Task work, bool onlyAtWork = false)
    {
        var most = 0L;
        while (!work.IsCompleted)
        {
            most = Math.Max(most, await Database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'burst'"
                    + (onlyAtWork ? " AND state <> 'idle'" : "")));
            await Task.Delay(20);
        }

        return most;
    }

    private static async Task<HttpResponseMessage> Post(Server server, object data)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/embeddings/compute") { Content = JsonContent.Create(data) };
        return await server.Send(request);
    }
}
