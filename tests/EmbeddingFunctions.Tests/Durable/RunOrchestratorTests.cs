using System.Diagnostics;
using EmbeddingFunctions.App;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit.Abstractions;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>Runs on the real durable worker and client, with the app's activities on a real database.</summary>
public sealed class RunOrchestratorTests(ITestOutputHelper output) : DurableTest
{
    [Fact]
    public async Task Ten_thousand_items_are_embedded_once_in_several_histories_of_less_than_200_kilobytes()
    {
        const int MaxBytes = 200_000;
        await DropVectorIndex();
        for (var i = 0; i < 5; i++)
        {
            await Workspace.Items(await Workspace.Repository($"acme/{i}"), 2_000, words: $"item of {i}");
        }

        var begun = Stopwatch.GetTimestamp();
        var run = await Ask(new RunRequest("workspace", [], PageSize: 100));
        var end = (await Host.End(run)).ReadOutputAs<RunOutcome>()!;
        output.WriteLine(
            $"{Host.Backend.Activities} activities, {10_000 / Stopwatch.GetElapsedTime(begun).TotalSeconds:0} items a second, "
            + $"{Host.Backend.LargestHistory} bytes of history");

        Assert.Equal((RunStatus.Completed, 10_000, 10_000), (end.Status, end.ItemsTotal, end.Counts.Embedded));
        Assert.Equal(
            (10_000L, 0L, 10_000L, 0L),
            (Fake.PaidInputCount, Fake.DuplicatePaidInputs, await Workspace.Embedded(), await Workspace.Pending()));
        Assert.Equal(("completed", null), await Job(run));
        Assert.InRange(Host.Backend.Activities, 100, 170);
        Assert.InRange(Host.Backend.Generations, 2, 6);
        Assert.InRange(Host.Backend.LargestHistory, 20_000, MaxBytes);
    }

    [Fact]
    public async Task Indexes_that_wait_for_the_first_backfill_are_built_when_it_has_ended()
    {
        const string Indexes = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'embedding_hnsw%'";
        var all = await Database.Ask<long>(Indexes);
        await DropVectorIndex();
        Assert.NotEqual(all, await Database.Ask<long>(Indexes));
        await Workspace.Items(await Workspace.Repository(), 45);

        var end = (await Host.End(await Ask())).ReadOutputAs<RunOutcome>()!;

        Assert.Equal((RunStatus.Completed, 45, null), (end.Status, end.Counts.Embedded, end.Error));
        Assert.Equal(all, await Database.Ask<long>(Indexes));
    }

    [Fact]
    public async Task An_index_that_takes_longer_than_a_function_may_is_left_to_a_person()
    {
        await DropVectorIndex();
        await Workspace.Items(await Workspace.Repository(), 5);
        await using var connection = await Database.Source.OpenConnectionAsync();
        // What builds an index CONCURRENTLY waits for the writers of before.
        await using var writer = await connection.BeginTransactionAsync();
        await using var edit = new NpgsqlCommand("UPDATE issues SET title = 'edited'", connection, writer);
        await edit.ExecuteNonQueryAsync();
        var steps = new RunSteps(Engine.Get<RunActivities>(), NullLogger<RunSteps>.Instance) { LongestBuild = TimeSpan.FromSeconds(1) };

        var built = await steps.BuildIndexes(new BuildIndexes("workspace"), default);

        Assert.Contains("'embeddings index workspace'", built.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_doubled_tick_starts_one_run()
    {
        await Workspace.Items(await Workspace.Repository(), 45);

        await Task.WhenAll(Desk.Tick(Host.Engine, default), Desk.Tick(Host.Engine, default));
        await Desk.Tick(Host.Engine, default);
        var run = Assert.Single(await Host.Instances());
        await Host.End(run);

        Assert.Equal(("completed", null), await Job(run));
        Assert.Equal(
            (45L, 0L, 1L),
            (Fake.PaidInputCount, await Workspace.Pending(), await Database.Ask<long>("SELECT count(*) FROM embedding.jobs")));
    }

    [Fact]
    public async Task The_same_event_twice_is_one_run_while_it_goes_on_and_after_it_has_ended()
    {
        await Workspace.Items(await Workspace.Repository(), 45);

        var asked = await Task.WhenAll(AskFor("push-1"), AskFor("push-1"));
        await Host.End(asked[0].Id);
        var again = await AskFor("push-1");

        Assert.Equal((asked[0].Id, asked[0].Id, false), (asked[1].Id, again.Id, again.IsNew));
        Assert.Equal(asked[0].Id, Assert.Single(await Host.Instances()));
        Assert.Equal(45, Fake.PaidInputCount);
    }

    [Fact]
    public async Task Cancelled_it_begins_no_more_batches_and_closes_its_job()
    {
        await Workspace.Items(await Workspace.Repository(), 200);
        Guid run;
        using (Fake.Hold(AfterTheFirst))
        {
            run = await Ask();
            await Fake.WaitForRequestsAsync(3);
            Assert.True(await Desk.Cancel(Host.Engine, run, default));
        }

        var end = (await Host.End(run)).ReadOutputAs<RunOutcome>()!;

        // The first, and the two batches that were in flight.
        Assert.Equal((RunStatus.Cancelled, 60, 60L), (end.Status, end.Counts.Embedded, await Workspace.Embedded()));
        Assert.Equal(("cancelled", "It was cancelled."), await Job(run));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.claims"));
    }

    [Fact]
    public async Task Cancelled_while_it_waits_for_its_start_slot_it_waits_no_longer()
    {
        var run = await AskWaiting();
        await Desk.Cancel(Host.Engine, run, default);
        await Host.End(run);

        Assert.Equal(("cancelled", "It was cancelled."), await Job(run));
    }

    [Fact]
    public async Task An_activity_that_fails_once_is_tried_again_after_ten_seconds()
    {
        await Workspace.Items(await Workspace.Repository(), 45);
        await Fail("UPDATE ON embedding.jobs", "new.status = 'processing' AND nextval('tries') = 1", "admin_shutdown");

        var run = await Ask();
        await Host.End(run);

        Assert.Equal(("completed", null), await Job(run));
        Assert.Equal((45L, 0L), (await Workspace.Embedded(), Fake.DuplicatePaidInputs));
        var retry = Assert.Single(Host.Backend.Timers);
        Assert.InRange(retry - DateTime.UtcNow, TimeSpan.FromSeconds(-50), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task An_activity_that_fails_for_good_ends_the_run_with_the_reason_and_is_not_tried_again()
    {
        await Workspace.Items(await Workspace.Repository(), 45);
        await Fail("INSERT ON embedding.batches", "true", "undefined_file");

        var run = await Ask();
        await Host.End(run);

        Assert.Equal(("failed", "58P01: it was asked to fail"), await Job(run));
        Assert.Empty(Host.Backend.Timers);
        Assert.Equal(45, await Workspace.Pending());
    }

    [Fact]
    public async Task A7_How_many_items_are_done_is_kept_up_during_the_run()
    {
        await Workspace.Items(await Workspace.Repository(), 2_000);
        var run = await Ask();
        var seen = 0;
        await Until(async () =>
        {
            // Ten seconds later.
            await Database.Execute("UPDATE embedding.jobs SET updated_at = now() - interval '11 seconds' WHERE items_processed = 0");
            var row = Assert.Single(await Database.Rows("SELECT items_processed, completed_at IS NOT NULL FROM embedding.jobs"));
            seen = row[1] is false ? (int)row[0]! : seen;
            return seen > 0 || row[1] is true;
        });
        await Host.End(run);

        Assert.InRange(seen, 1, 1_999);
    }

    [Fact]
    public async Task A_wait_that_the_provider_asked_for_is_a_timer_and_its_reason_the_run_s_status()
    {
        await Workspace.Items(await Workspace.Repository(), 20);
        Host.Backend.HoldsTimers = true;
        using var refusal = Fake.Script(Requests.Next(1), Fault.RateLimited(TimeSpan.FromMinutes(2)));

        var asked = DateTime.UtcNow;
        var run = await Ask();
        await Until(
            async () =>
                await Desk.Note(Host.Engine, run, default) is { } note
                    && note.StartsWith("waiting for the provider: ", StringComparison.Ordinal));
        Assert.InRange(Assert.Single(Host.Backend.Timers) - asked, TimeSpan.FromSeconds(100), TimeSpan.FromSeconds(180));

        await Engine.Get<ProviderCheck>().Resume(Engine.Get<CorpusSet>().Get("workspace"), default);
        Host.Backend.HoldsTimers = false;
        Host.Backend.FireTimers();
        await Host.End(run);

        Assert.Equal(("completed", null), await Job(run));
        Assert.Equal(20, await Workspace.Embedded());
        Assert.Single(Fake.Requests, request => request.Status == 429);
    }

    // Most of ten thousand writes' time goes into it, and nothing here searches.
    private async Task DropVectorIndex()
    {
        var index = await Database.Ask<string>(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'issues' AND indexdef LIKE '%USING hnsw%'");
        await Database.Execute($"DROP INDEX {index}");
    }

    private async Task<RequestedRun> AskFor(string eventId) =>
        (await Desk.Ask(Host.Engine, new RunRequest("workspace", []), eventId, default))!;

    /// <summary>Makes the database refuse a statement while a condition holds.</summary>
    private Task Fail(string statement, string condition, string error) => Database.Execute(
        $"""
        CREATE SEQUENCE tries;
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF {condition} THEN RAISE {error} USING MESSAGE = 'it was asked to fail'; END IF; RETURN new; END $$;
        CREATE TRIGGER fail BEFORE {statement} FOR EACH ROW EXECUTE FUNCTION fail();
        """);
}
