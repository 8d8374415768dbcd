using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>Methods named Plan, Count and Predict, in sessions where Postgres refuses every write and every lock of a row.</summary>
public sealed class ReadOnlyPlanTests : QueueTest
{
    [Fact]
    public async Task Planning_counting_and_predicting_only_read_and_leave_requests_of_the_queue_to_the_run()
    {
        var asked = await Session("Embedded, then asked for");
        await Drain();
        await Requeue(asked);
        await Session("Pending");
        var connection = new NpgsqlConnectionStringBuilder(Database.ConnectionString) { Options = "-c default_transaction_read_only=on" };
        await using var readOnly = Hosting.Database.Open(connection.ConnectionString);
        await using var engine = new TestEngine(readOnly, Fake);
        var request = new RunRequest("sessions", []);
        var run = new RunInput(Guid.NewGuid(), request);

        var page = await engine.Get<PagePlanner>().Plan(new PlanPage(run, "", [], 100), default);
        var count = await engine.Get<PagePlanner>().Count(run, null, default);
        var prediction = await engine.Get<DryRun>().Predict(request, default);

        Assert.Equal((1, 2, 2), (page.Batches.Sum(batch => batch.Count), count, prediction.Items));
        Assert.Equal(2, (await Drain()).ItemsTotal);
    }
}
