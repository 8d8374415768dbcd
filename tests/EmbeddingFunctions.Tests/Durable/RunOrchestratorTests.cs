using EmbeddingFunctions.App;
using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Microsoft.DurableTask;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>The app's orchestrator on a mocked durable context, with the app's activities on a real database.</summary>
public sealed class RunOrchestratorTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestWorkspace _workspace = null!;
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _workspace = new TestWorkspace(_database);
        _engine = new TestEngine(_database, _fake);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Replayed_after_every_step_in_any_order_it_takes_the_same_steps_and_embeds_all_once(int seed)
    {
        foreach (var name in new[] { "acme/one", "acme/two", "acme/three" })
        {
            await _workspace.Items(await _workspace.Repository(name), 45, words: name);
        }

        var history = new DurableHistory(Steps(), seed);
        var outcome = await history.Run(Input(new("workspace", [], Concurrency: 4, PageSize: 40, BatchSize: 10) { PagesPerExecution = 2 }));

        Assert.Equal((RunStatus.Completed, 135, 135), (outcome.Status, outcome.ItemsTotal, outcome.Counts.Embedded));
        Assert.Equal((135L, 0L, 0), (_fake.PaidInputCount, _fake.DuplicatePaidInputs, (await _workspace.Stale()).Count));
        Assert.True(history.Generations > 1, "It must have begun a new history.");
        Assert.True(history.Replays > history.Activities, "It must have been replayed after every step.");
    }

    [Fact]
    public async Task Ten_thousand_items_put_less_than_300_kilobytes_into_a_generation_of_its_history()
    {
        const int MaxBytes = 300_000;
        var pending = 10_000;
        var history = new DurableHistory(Steps(), seed: 1)
        {
            Instead = (_, input) => input switch
            {
                PlanPage plan => new PlannedPage(Page(Math.Min(pending, plan.Items)), Partition),
                EmbedBatch batch => Take(batch),
                CloseRun close => new RunOutcome(close.Run.RunId, RunStatus.Completed, 10_000, close.Run.Counts, null, 1),
                _ => null,
            },
        };
        var outcome = await history.Run(Input(new("workspace", [], Concurrency: 10)));

        Assert.Equal((10_000, 0), (outcome.Counts.Embedded, pending));
        Assert.InRange(history.LargestGeneration, 50_000, MaxBytes);
        Assert.InRange(history.Generations, 2, 4);

        EmbeddedBatch Take(EmbedBatch batch)
        {
            pending -= batch.Count;
            return new EmbeddedBatch(new BatchCounts { Claimed = batch.Count, Embedded = batch.Count, Requests = 1, Tokens = 8_000 });
        }
    }

    [Fact]
    public async Task Cancelled_it_begins_no_more_batches_and_closes_its_job()
    {
        await _workspace.Items(await _workspace.Repository(), 200);
        var batches = 0;
        var history = new DurableHistory(Steps(), seed: 1) { CancelAfter = step => step == nameof(RunActivities.EmbedBatch) && ++batches == 3 };

        var outcome = await history.Run(Input(new("workspace", [], Concurrency: 4)));

        Assert.Equal(RunStatus.Cancelled, outcome.Status);
        // The two that were in flight have ended.
        Assert.Equal((100, 100L), (outcome.Counts.Embedded, await _workspace.Embedded()));
        Assert.Equal("cancelled", await _database.Ask<string>("SELECT status FROM embedding_jobs"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding_claims"));
    }

    [Fact]
    public async Task Cancelled_while_it_waits_it_does_not_wait_on()
    {
        var history = new DurableHistory(Steps(), seed: 1)
        {
            Instead = (name, _) => name == nameof(RunActivities.StartRun) ? DateTimeOffset.UnixEpoch.AddYears(100) : null,
            CancelAfter = step => step == nameof(RunActivities.StartRun),
        };

        var outcome = await history.Run(Input(new("workspace", [])));

        Assert.Equal(RunStatus.Cancelled, outcome.Status);
    }

    [Fact]
    public async Task What_it_waits_for_is_its_status_and_a_provider_s_pause_is_a_timer()
    {
        await _workspace.Items(await _workspace.Repository(), 20);
        var paused = false;
        var history = new DurableHistory(Steps(), seed: 1)
        {
            Instead = (name, _) => name != nameof(RunActivities.EmbedBatch) || paused ? null : Pause(),
        };

        var outcome = await history.Run(Input(new("workspace", [])));

        Assert.Equal((RunStatus.Completed, 20), (outcome.Status, outcome.Counts.Embedded));
        Assert.Null(history.Status);
        Assert.True(paused);

        EmbeddedBatch Pause()
        {
            paused = true;
            return new EmbeddedBatch(new(), DateTimeOffset.UtcNow.AddHours(1), "too many requests");
        }
    }

    [Fact]
    public void A_failed_activity_is_tried_three_times_unless_it_will_never_work()
    {
        var policy = Retry.Activity.Retry!.Policy!;

        Assert.Equal((3, TimeSpan.FromSeconds(10), 3d), (policy.MaxNumberOfAttempts, policy.FirstRetryInterval, policy.BackoffCoefficient));
        Assert.True(Retry.MayWork(new TaskFailedException("EmbedBatch", 1, new PassingFailureException("away")).FailureDetails));
        Assert.True(Retry.MayWork(new TaskFailedException("EmbedBatch", 1, new InvalidOperationException("the host stopped")).FailureDetails));
        Assert.False(Retry.MayWork(new TaskFailedException("EmbedBatch", 1, new ActivityFailedException("no such table")).FailureDetails));
    }

    [Fact]
    public async Task An_activity_tells_what_passes_from_what_will_never_work_in_few_words_and_without_secrets()
    {
        await using var away = new TestEngine(Storage.Database.Open("Host=127.0.0.1;Port=1;Timeout=2"), _fake);
        var passing = await Assert.ThrowsAsync<PassingFailureException>(() => away.Get<RunActivities>().Do(RunActivities.OpenRun, Input(new("workspace", [])), default));
        var final = await Assert.ThrowsAsync<ActivityFailedException>(() => Steps().StartRun(Input(new("laws " + new string('x', 9_000), [])), default));

        Assert.All(new Exception[] { passing, final }, e => Assert.InRange(e.Message.Length, 1, 500));
        Assert.Null(final.InnerException);
    }

    private const string Partition = "00000000-0000-0000-0000-00000000000a";

    private static List<PlannedBatch> Page(int items) =>
        Enumerable.Range(0, (items + 19) / 20).Take(10).Select(i => new PlannedBatch("issue", $"{Partition[..^1]}{i}", Math.Min(20, items - (i * 20)))).ToList();

    private RunSteps Steps() => new(_engine.Get<RunActivities>());

    private static RunInput Input(RunRequest request) => new(Guid.CreateVersion7(), request);
}
