using EmbeddingFunctions.App.Durable;
using EmbeddingFunctions.Runs;
using Xunit.Abstractions;

namespace EmbeddingFunctions.Tests.Durable;

/// <summary>What a run costs the durable host: few activities, and small histories.</summary>
public sealed class ActivitySizeTests(ITestOutputHelper output) : DurableTest
{
    [Fact]
    public async Task A12_An_activity_sends_several_requests_and_histories_hold_ids_and_counts_but_no_text()
    {
        const int Requests = 1_000 / 20;
        await Workspace.Items(await Workspace.Repository(), 1_000, words: "confidential");

        var end = (await Host.End(await Ask())).ReadOutputAs<RunOutcome>()!;

        var bytes = Host.Backend.Histories.Sum(history => history.Length);
        output.WriteLine($"{Host.Backend.Activities} activities, {bytes} bytes of history, {Host.Backend.Generations} generations");
        Assert.Equal((1_000, Requests), (end.Counts.Embedded, Fake.RequestCount));
        // Beside those that embed: to start, open and close the run, and to plan its pages.
        Assert.InRange(Host.Backend.Activities, Requests / DurableRunEngine.BatchesPerActivity, (Requests / 2) - 1);
        Assert.InRange(bytes, 5_000, 40_000);
        Assert.All(Host.Backend.Histories, history => Assert.DoesNotContain("confidential", history, StringComparison.Ordinal));
    }
}
