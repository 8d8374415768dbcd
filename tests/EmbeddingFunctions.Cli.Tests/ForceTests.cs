using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

public sealed class ForceTests : ProgramTest
{
    private const int Items = 200;
    private const int BatchesInFlight = 5;

    [Fact]
    public async Task Force_embeds_each_item_again_once()
    {
        await Fill();
        var forced = (await Backfill("--force")).Exits(0);
        Assert.Equal((Items, Items), (forced.Number("total"), forced.Number("embedded")));
        Assert.All(Fake.PaidInputs.Values, times => Assert.Equal(2, times));
        await AssertWhole();
    }

    [Fact]
    public async Task An_interrupted_force_goes_on_and_repeats_nothing()
    {
        await Fill();
        using var hold = Fake.Hold(Requests.Where(request => request.Number > (Items / Batch) + 5));
        await using (var running = Program.Start("backfill", "workspace", "--force"))
        {
            await hold.WaitForHeldAsync(1, Running.Patience);
            running.Signal(Running.SigInt);
            (await running.Ended()).Exits(130);
        }

        var paid = Fake.PaidInputCount - Items;
        Assert.InRange(paid, 1, Items - 1);
        hold.Release();
        var second = (await Backfill("--force")).Exits(0);
        Assert.Equal(Items - paid, second.Number("embedded"));
        Assert.All(Fake.PaidInputs.Values, times => Assert.Equal(2, times));
        await AssertWhole();
    }

    [Fact]
    public async Task A_killed_force_goes_on_and_repeats_only_what_was_in_flight()
    {
        await Fill();
        using var hold = Fake.Hold(Requests.Where(request => request.Number > (Items / Batch) + 5));
        await using (var running = Program.Start("backfill", "workspace", "--force"))
        {
            await hold.WaitForHeldAsync(1, Running.Patience);
            await running.Kill();
        }

        hold.Release();

        await ForgetTheDead();
        (await Backfill("--force")).Exits(0);
        Assert.InRange(Fake.PaidInputCount, 2 * Items, (2 * Items) + (BatchesInFlight * Batch));
        await AssertWhole();
    }

    [Fact]
    public async Task A_force_that_was_finished_is_not_gone_on_with_but_begun_again()
    {
        await Fill();
        (await Backfill("--force")).Exits(0);
        Assert.Equal(Items, (await Backfill("--force")).Exits(0).Number("embedded"));
        Assert.Equal(3 * Items, Fake.PaidInputCount);
    }

    private async Task Fill()
    {
        await Workspace.Items(await Workspace.Repository("acme/one"), Items / 2);
        await Workspace.Items(await Workspace.Repository("acme/two"), Items / 2, words: "other");
        (await Backfill()).Exits(0);
    }
}
