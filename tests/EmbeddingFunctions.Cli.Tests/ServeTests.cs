using System.Diagnostics;
using System.Net;
using System.Text.Json;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings serve</c>: the schedule, events, and what becomes of runs when servers stop or die.</summary>
public sealed class ServeTests : ProgramTest
{
    private const string EverySecond = "* * * * * *";

    private static readonly string[] _issues = ["issues"];

    private protected override FakeOpenAiOptions Options { get; } = new() { Latency = TimeSpan.FromMilliseconds(100) };

    [Fact]
    public async Task What_is_due_is_embedded_by_the_timer_and_again_when_it_comes_round()
    {
        using var folder = new TestFolder();
        await Workspace.Items(await Workspace.Repository(), 30);
        await using var server = await Server.Start(EverySecondly(folder));

        await Waiting.Until(async () => await Workspace.Embedded() == 30);
        await Database.Execute("UPDATE issues SET title = 'edited ' || title WHERE title LIKE '%7'");
        await Waiting.Until(async () => await Workspace.Pending() == 0 && await NoneIsOpen());

        await AssertWhole();
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE host <> 'server' OR due_at IS NULL"));
        Assert.Equal(30 + 3, Fake.PaidInputCount);
    }

    [Fact]
    public async Task An_event_is_a_run_whose_progress_and_end_can_be_looked_at()
    {
        await Workspace.Items(await Workspace.Repository(), 30);
        await AsIfServed();
        await using var server = await Server.Start(Program);

        var run = await server.Ask(
            new { name = "embeddings/compute.requested", data = new { corpus = "workspace", itemTypes = _issues, limit = 25 } });
        var end = await server.Ended(run);

        Assert.Equal(("completed", 25, 25), (Text(end, "status"), Number(end, "itemsTotal"), Number(end, "itemsProcessed")));
        Assert.Equal(
            (25, 2),
            (end.GetProperty("counts").GetProperty("embedded").GetInt32(), end.GetProperty("counts").GetProperty("requests").GetInt32()));
        Assert.Equal(25, await Workspace.Embedded());
    }

    [Fact]
    public async Task The_same_event_twice_is_one_run_and_another_request_under_its_id_is_refused()
    {
        await Workspace.Items(await Workspace.Repository(), 20);
        await AsIfServed();
        await using var server = await Server.Start(Program);

        var first = await server.Ask(new { name = "embeddings/compute.requested", id = "e-1", data = new { } });
        await server.Ended(first);
        var second = await server.Ask(new { name = "embeddings/compute.requested", id = "e-1", data = new { } });
        using var other = await server.Send(new HttpRequestMessage(HttpMethod.Post, "/api/embeddings/compute")
        {
            Headers = { { "Idempotency-Key", "e-1" } },
            Content = new StringContent("""{"limit":3}"""),
        });

        Assert.Equal((first, HttpStatusCode.Conflict), (second, other.StatusCode));
        Assert.Equal((1L, 20L), (await Jobs(), Fake.PaidInputCount));
    }

    [Fact]
    public async Task Two_servers_on_one_database_pay_for_nothing_twice_and_have_two_batches_of_a_repository_in_flight()
    {
        using var folder = new TestFolder();
        await Workspace.Items(await Workspace.Repository(), 600);
        var program = EverySecondly(folder);
        await using var one = await Server.Start(program);
        await using var two = await Server.Start(program);

        var runs = await Task.WhenAll(one.Ask(new { }), two.Ask(new { }), one.Ask(new { limit = 100 }));
        var ends = await Task.WhenAll(runs.Select((run, i) => (i == 1 ? two : one).Ended(run)));
        await Waiting.Until(NoneIsOpen);

        Assert.All(ends, end => Assert.Equal("completed", Text(end, "status")));
        await AssertWhole();
        Assert.Equal((600L, 0L, 2), (Fake.PaidInputCount, Fake.DuplicatePaidInputs, Fake.MaxInFlight));
    }

    [Fact]
    public async Task Asked_to_stop_it_ends_within_ten_seconds_and_the_next_server_goes_on_with_the_same_run()
    {
        await Workspace.Items(await Workspace.Repository(), 400);
        await AsIfServed();
        await using var first = await Server.Start(Program);
        var run = await first.Ask(new { limit = 380 });
        await Waiting.Until(async () => await Workspace.Embedded() >= 60);

        var asked = Stopwatch.StartNew();
        first.Process.Signal(Running.SigTerm);
        (await first.Process.Ended()).Exits(0);
        Assert.True(asked.Elapsed < TimeSpan.FromSeconds(10), $"It took {asked.Elapsed}.");
        Assert.Equal(
            ("processing", 0L), (await Database.Ask<string>("SELECT status FROM embedding.jobs WHERE id = $1", run), await Claims()));
        var before = await Workspace.Embedded();
        Assert.InRange(before, 60, 379);

        await using var next = await Server.Start(Program);
        var end = await next.Ended(run);

        Assert.Equal(("completed", 380, 380), (Text(end, "status"), Number(end, "itemsTotal"), Number(end, "itemsProcessed")));
        Assert.Equal((380L, 380L, 0L), (await Workspace.Embedded(), Fake.PaidInputCount, Fake.DuplicatePaidInputs));
    }

    [Fact]
    public async Task A3_Calls_in_flight_are_waited_for_when_it_is_asked_to_stop_and_none_is_sent_again()
    {
        await Workspace.Items(await Workspace.Repository(), 200);
        await AsIfServed();
        using var hold = Fake.Hold(Requests.Where(request => request.Number > 1));
        await using var first = await Server.Start(Program);
        var run = await first.Ask(new { });
        await hold.WaitForHeldAsync(2, Running.Patience);
        first.Process.Signal(Running.SigTerm);
        await first.Process.Says("Stopping.");
        await Task.Delay(TimeSpan.FromSeconds(1));
        hold.Release();
        (await first.Process.Ended()).Exits(0);

        await using var next = await Server.Start(Program);
        await next.Ended(run);

        Assert.Equal((200L, 10), (await Workspace.Embedded(), Fake.RequestCount));
    }

    [Fact]
    public async Task A_killed_server_s_run_is_taken_up_by_another()
    {
        await Workspace.Items(await Workspace.Repository(), 300);
        await AsIfServed();
        await using var first = await Server.Start(Program);
        var run = await first.Ask(new { });
        await Waiting.Until(async () => await Workspace.Embedded() >= 60);
        await first.Process.Kill();
        await ForgetTheDead();

        await using var next = await Server.Start(Program);
        var end = await next.Ended(run);

        Assert.Equal(("completed", 300), (Text(end, "status"), Number(end, "itemsProcessed")));
        await AssertWhole();
        Assert.InRange(Fake.DuplicatePaidInputs, 0, 2 * Batch);
    }

    [Fact]
    public async Task A_cancelled_run_begins_no_more_batches_and_ends_as_cancelled()
    {
        await Workspace.Items(await Workspace.Repository(), 1_000);
        await AsIfServed();
        await using var one = await Server.Start(Program);
        await using var other = await Server.Start(Program);
        var run = await one.Ask(new { });
        await Waiting.Until(async () => await Workspace.Embedded() >= 40);

        // Through the server that does not carry it.
        Assert.Equal(HttpStatusCode.Accepted, await other.Cancel(run));
        var embedded = await Workspace.Embedded();
        var end = await one.Ended(run);

        Assert.Equal(("cancelled", "It was cancelled."), (Text(end, "status"), Text(end, "error")));
        // No more than what was in flight.
        Assert.InRange(await Workspace.Embedded(), embedded, embedded + (2 * Batch));
        Assert.Equal((0L, Fake.PaidInputCount), (await Claims(), await Workspace.Embedded()));
        Assert.Equal(HttpStatusCode.Conflict, await one.Cancel(run));
        Assert.Equal(HttpStatusCode.NotFound, await one.Cancel(Guid.NewGuid()));
    }

    [Fact]
    public async Task A_run_that_waits_for_its_start_is_cancelled_at_once()
    {
        await Workspace.Items(await Workspace.Repository(), 5);
        await AsIfServed();
        await LetARunWait();
        await using var server = await Server.Start(Program);

        var waiting = await server.Ask(new { });
        await Waiting.Until(
            async () =>
                (await server.Get($"/api/embeddings/runs/{waiting}")).GetProperty("note").GetString()
                    ?.StartsWith("waiting for a start slot", StringComparison.Ordinal) == true);
        var asked = Stopwatch.StartNew();
        await server.Cancel(waiting);

        Assert.Equal("cancelled", Text(await server.Ended(waiting), "status"));
        Assert.True(asked.Elapsed < TimeSpan.FromSeconds(5), $"It took {asked.Elapsed}.");
    }

    [Fact]
    public async Task A_database_that_was_never_migrated_is_waited_for()
    {
        await using var empty = await TestDatabase.Empty();
        Program.Set("DATABASE_URL", empty.ConnectionString);
        await using var server = await Server.Start(Program);

        await server.Process.Says("The schedule waits: ");
        using var health = await server.Send(new HttpRequestMessage(HttpMethod.Get, "/api/embeddings/health"));
        using var runs = await server.Send(new HttpRequestMessage(HttpMethod.Get, "/api/embeddings/runs"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.ServiceUnavailable), (health.StatusCode, runs.StatusCode));
        (await Program.Run("migrate", "workspace", "--with-sample-tables")).Exits(0);

        // The server trusts what it has found out for ten seconds.
        await Waiting.Until(async () =>
        {
            using var healthy = await server.Send(new HttpRequestMessage(HttpMethod.Get, "/api/embeddings/health"));
            return healthy.StatusCode == HttpStatusCode.OK;
        });
    }

    private Program EverySecondly(TestFolder folder)
    {
        using var shipped = new StreamReader(typeof(Corpora.CorpusFile).Assembly.GetManifestResourceStream("corpora.json")!);
        var path = Path.Combine(folder.Path, "corpora.json");
        File.WriteAllText(path, shipped.ReadToEnd()
            .Replace("0 */15 * * * *", EverySecond, StringComparison.Ordinal)
            .Replace("\"startsPerMinute\": 5", "\"startsPerMinute\": 10000", StringComparison.Ordinal));
        return Program.Set("CORPORA_FILE", path).Set("EMBEDDINGS_SCHEDULE", EverySecond);
    }

    private Task<long> Jobs() => Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE host = 'server'");

    private async Task<bool> NoneIsOpen() =>
        await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE completed_at IS NULL") == 0;

    private static string? Text(JsonElement detail, string name) => detail.GetProperty("run").GetProperty(name).GetString();

    private static int Number(JsonElement detail, string name) => detail.GetProperty("run").GetProperty(name).GetInt32();
}
