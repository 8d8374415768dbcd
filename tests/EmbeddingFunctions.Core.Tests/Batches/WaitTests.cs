using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>What a run waited for is seen when it is over: a wait once, however many batches waited.</summary>
public sealed class WaitTests(BatchDatabase shared) : BatchTest(shared)
{
    [Theory]
    [InlineData(15)]
    [InlineData(3)]
    public async Task A_wait_that_the_provider_asked_for_has_its_length_and_reason(int seconds)
    {
        await Workspace.Items(Repository, 100);
        Fake.Script(Requests.Number(3), Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(seconds)));

        var outcome = await Worker.Run(batchSize: 10);

        Assert.Equal((RunStatus.Completed, 100), (outcome.Status, outcome.Counts.Embedded));
        var (cause, length, reason) = Assert.Single(await Recorded(outcome.RunId));
        Assert.Equal("provider", cause);
        // The clock of the back-offs is thirty times as fast as the database's.
        Assert.InRange(length, seconds - 0.5, seconds + 30);
        Assert.Contains("429", reason, StringComparison.Ordinal);
        var run = (await Worker.Get<RunHistory>().Find(outcome.RunId, default))!.Run;
        var shown = Assert.Single((await Worker.Get<RunTimeline>().Of(run, default)).Waits);
        Assert.Equal(("provider", reason), (shown.Cause, shown.Reason));
        Assert.True(shown.EndsAt <= run.CompletedAt);
    }

    [Fact]
    public async Task A_run_that_the_limits_slow_down_has_one_wait()
    {
        await Workspace.Items(Repository, 100);
        await using var worker = new Worker(Database.Source, Fake, settings => settings with { RequestsPerMinute = 12 });

        var outcome = await worker.Run(batchSize: 10);

        Assert.Equal((RunStatus.Completed, 10), (outcome.Status, outcome.Counts.Requests));
        var (cause, length, reason) = Assert.Single(await Recorded(outcome.RunId));
        Assert.Equal(("limits", null), (cause, reason));
        Assert.InRange(length, 1, 60);
    }

    [Fact]
    public async Task A_run_that_waits_for_nothing_has_none()
    {
        await Workspace.Items(Repository, 40);
        Assert.Empty(await Recorded((await Worker.Run()).RunId));
    }

    [Fact]
    public async Task Batches_of_many_processes_that_wait_at_one_time_are_one_wait_and_a_later_wait_is_another()
    {
        var run = (await Order()).RunId;
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Note(run, began: -2, ends: 30 + i)));
        var (_, length, reason) = Assert.Single(await Recorded(run));
        Assert.InRange(length, 51, 53);
        Assert.Equal("busy", reason);

        await Database.Execute(
            "UPDATE embedding.waits SET began_at = began_at - interval '2 minutes', ends_at = ends_at - interval '2 minutes'");
        await Note(run, began: 0, ends: 5);
        await Note(run, began: 0, ends: 5, WaitCause.Paused);
        Assert.Equal(3, (await Recorded(run)).Count);
    }

    [Fact]
    public async Task A_run_has_a_thousand_at_most_and_takes_them_with_it()
    {
        var run = (await Order()).RunId;
        await Database.Execute(
            """
            INSERT INTO embedding.waits (run_id, cause, began_at, ends_at)
            SELECT $1, 'provider', at, at + interval '2 seconds'
            FROM   generate_series(1, 1000) n, LATERAL (SELECT now() - n * interval '1 minute' AS at) t
            """, run);
        await Note(run, began: 0, ends: 5);
        Assert.Equal(1_000, await Count("embedding.waits"));

        await Database.Execute("DELETE FROM embedding.jobs");
        Assert.Equal(0, await Count("embedding.waits"));
    }

    [Fact]
    public async Task A_database_of_an_earlier_version_keeps_no_run_from_its_end()
    {
        await Workspace.Items(Repository, 20);
        await Database.Execute("ALTER FUNCTION embedding.record_wait RENAME TO later; ALTER TABLE embedding.waits RENAME TO later");
        Fake.Script(Requests.Number(1), Fault.RateLimited(retryAfter: TimeSpan.FromSeconds(15)));
        try
        {
            var outcome = await Worker.Run();

            Assert.Equal(RunStatus.Completed, outcome.Status);
            var run = (await Worker.Get<RunHistory>().Find(outcome.RunId, default))!.Run;
            Assert.Empty((await Worker.Get<RunTimeline>().Of(run, default)).Waits);
        }
        finally
        {
            await Database.Execute("ALTER FUNCTION embedding.later RENAME TO record_wait; ALTER TABLE embedding.later RENAME TO waits");
        }
    }

    // As another process each.
    private async Task Note(Guid run, int began, int ends, WaitCause cause = WaitCause.Provider)
    {
        await using var process = new Worker(Database.Source, Fake, speed: 1);
        var now = process.Time.GetUtcNow();
        await process.Get<WaitStore>().Record(run, [new Wait(cause, now.AddSeconds(began), now.AddSeconds(ends), "busy")]);
    }

    private async Task<IReadOnlyList<(string Cause, double Seconds, string? Reason)>> Recorded(Guid run) =>
        (await Database.Rows(
            "SELECT cause, extract(epoch FROM ends_at - began_at)::float8, reason FROM embedding.waits WHERE run_id = $1", run))
        .Select(row => ((string)row[0]!, (double)row[1]!, (string?)row[2])).ToList();
}
