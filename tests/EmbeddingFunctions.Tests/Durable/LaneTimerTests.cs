using EmbeddingFunctions.App;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Microsoft.Azure.Functions.Worker;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>The app's timer moves runs on the provider's batch lane on, also those that another host began.</summary>
public sealed class LaneTimerTests : DurableTest
{
    private const int Items = 30;

    [Fact]
    public async Task Ticks_send_the_batch_of_a_run_take_its_results_and_close_it()
    {
        await Workspace.Items(await Workspace.Repository(), Items);
        await using var engine = WithLane();
        var run = await engine.Get<LaneRuns>().Begin(new RunRequest("workspace", []), default);

        for (var ticks = 0; (await Job(run)).Status != "completed"; ticks++)
        {
            Assert.True(ticks < 10, $"After {ticks} ticks the run is {await Job(run)}.");
            await Tick(engine);
        }

        Assert.Equal((Items, 0), (await Workspace.Embedded(), await Workspace.Pending()));
        Assert.Equal((0, Items), (Fake.RequestCount, (int)Fake.PaidInputCount));
        Assert.Single(Fake.Batches.All);
        Assert.Equal(("batch", 0L), (
            await Database.Ask<string>("SELECT host FROM embedding.jobs WHERE id = $1", run),
            await Database.Ask<long>("SELECT count(*) FROM embedding.lane_runs")));
    }

    [Fact]
    public async Task A_tick_that_is_cut_off_in_mid_download_leaves_the_rest_to_the_next()
    {
        await Workspace.Items(await Workspace.Repository(), Items);
        await using var engine = WithLane();
        var run = await engine.Get<LaneRuns>().Begin(new RunRequest("workspace", []), default);
        using var stopped = new CancellationTokenSource();
        Fake.Batches.MidDownload = () =>
        {
            stopped.Cancel();
            return Task.Delay(Timeout.Infinite, stopped.Token);
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            while (true)
            {
                await Tick(engine, stopped.Token);
            }
        });
        Fake.Batches.MidDownload = () => Task.CompletedTask;
        await using var other = WithLane();
        for (var ticks = 0; (await Job(run)).Status != "completed" && ticks < 10; ticks++)
        {
            await Tick(other);
        }

        Assert.Equal((("completed", null), Items), (await Job(run), (int)await Workspace.Embedded()));
        Assert.Equal((Items, 0), ((int)Fake.PaidInputCount, (int)Fake.DuplicatePaidInputs));
    }

    private TestEngine WithLane() => new(Database, Fake, settings => settings with { HasBatchApi = true });

    // As if its time had come, and no corpus were due.
    private async Task Tick(TestEngine engine, CancellationToken cancellation = default)
    {
        await Database.Execute("UPDATE embedding.lane_runs SET next_at = now()");
        await Database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, status, due_at, started_at, completed_at)
            SELECT gen_random_uuid(), 'workspace', '{}', 'completed', now() + interval '50 seconds', now(), now()
            WHERE  NOT EXISTS (SELECT FROM embedding.jobs WHERE due_at > now() + interval '20 seconds')
            """);
        await new EmbeddingsTimer(engine.Get<RunScheduler>()).RunAsync(new TimerInfo(), Host.Client, cancellation);
    }
}
