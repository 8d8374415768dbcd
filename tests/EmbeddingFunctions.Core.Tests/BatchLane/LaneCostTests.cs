using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.BatchLane;

/// <summary>A batch of the lane is one entry of the ledger, at the lane's price, and caps hold for it.</summary>
public sealed class LaneCostTests : LaneTest
{
    private protected override int InputsPerBatch => 10;

    [Fact]
    public async Task The_ledger_agrees_with_the_provider_at_half_the_price()
    {
        await Workspace.Items(await Workspace.Repository(), 25);

        await Finish(await Begin());
        await Engine.Get<Ledger>().Flush();

        var billed = Fake.Batches.All.Sum(batch => batch.Tokens);
        var entries = await Database.Rows(
            "SELECT on_batch_lane, outcome, sum(tokens)::bigint, sum(dollars) FROM embedding.requests GROUP BY 1, 2");
        Assert.Equal([true, "answered", billed, billed * 0.01m / 1_000_000], Assert.Single(entries));
        Assert.Equal(Fake.Batches.All.Count, await Database.Ask<long>("SELECT count(*) FROM embedding.requests"));
    }

    [Fact]
    public async Task A_cap_lets_no_batch_be_sent_that_may_cost_more()
    {
        await Workspace.Items(await Workspace.Repository(), 25);

        var run = await Finish(await Begin(new RunRequest("workspace", []) { MaxDollars = 0.0000015m }));

        Assert.Equal("cap_reached", run.Status);
        Assert.Contains("--max-cost", run.Error, StringComparison.Ordinal);
        Assert.Single(Fake.Batches.All);
        Assert.Equal((10L, 15L), (await Workspace.Embedded(), await Workspace.Pending()));
    }
}
