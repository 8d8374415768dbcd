using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

public sealed class ReplayTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    public async Task Replayed_from_the_top_after_every_step_in_any_order_a_run_takes_the_same_steps_and_embeds_all_once(
        int seed, int batchesPerActivity)
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using var database = await TestDatabase.Migrated();
        await using var engine = new TestEngine(database, fake);
        var workspace = new TestWorkspace(database);
        foreach (var name in new[] { "acme/one", "acme/two", "acme/three" })
        {
            var repository = await workspace.Repository(name);
            await workspace.Items(repository, 45, words: name);
            await workspace.Items(repository, 30, "discussions", words: name);
        }

        var replaying = new ReplayingEngine(engine.Get<RunActivities>(), seed);
        var request = new RunRequest("workspace", [], Concurrency: 4, PageSize: 60 / batchesPerActivity, BatchSize: 10)
        {
            PagesPerExecution = 1,
            BatchesPerActivity = batchesPerActivity,
        };
        var outcome = await replaying.Run(new RunInput(Guid.CreateVersion7(), request));

        Assert.Equal((RunStatus.Completed, 225, 225), (outcome.Status, outcome.ItemsTotal, outcome.Counts.Embedded));
        Assert.Equal((0L, 225L), (fake.DuplicatePaidInputs, fake.PaidInputCount));
        Assert.Equal((0, 0L), ((await workspace.Stale()).Count, await workspace.Pending()));
        Assert.True(replaying.Executions > 1, "It must have begun a new history.");
        Assert.True(replaying.Replays > 24 / batchesPerActivity, "It must have been replayed after every step.");
    }

    [Fact]
    public void The_history_of_an_execution_stays_small_for_ten_thousand_items() => OneThread.Run(async () =>
    {
        const int MaxBytes = 500_000;
        var world = new World { ["p"] = 4_000, ["q"] = 4_000, ["r"] = 2_000 };
        var context = new ScriptedContext(world);

        await context.RunToEnd(new RunRequest("workspace", [], Concurrency: 8));

        Assert.Equal(10_000, context.Embedded);
        Assert.InRange(context.LongestHistory, 1, MaxBytes);
    });
}
