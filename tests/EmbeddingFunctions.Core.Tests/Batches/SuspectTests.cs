using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Items that may be to blame for the end of their workers.</summary>
public sealed class SuspectTests(BatchDatabase shared) : BatchTest(shared)
{
    [Fact]
    public async Task An_item_whose_worker_vanishes_three_times_ends_dead_and_its_companions_are_embedded()
    {
        await Workspace.Items(Repository, 19);
        var killer = await Workspace.Item(Repository, "killer");
        foreach (var held in new[] { 20, 20, 1 })
        {
            var claim = await Take();
            Assert.Equal(held, claim.Items.Count);
            Assert.Contains(claim.Items, item => item.Id == killer);
            await LetLeasesRunOut();
        }

        while (await Workspace.Pending() > 0)
        {
            await Embed();
        }

        var (reason, attempts, isDead) = await Failure(killer);
        Assert.Equal(("the worker ended 3 times while it held this item", 3, true), (reason, attempts, isDead));
        Assert.Equal(19, await Workspace.Embedded());
        Assert.Equal(0, await Workspace.Pending());
        Assert.DoesNotContain(Fake.PaidInputs.Keys, text => text.Contains("killer", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_item_that_may_be_to_blame_is_taken_alone()
    {
        await Workspace.Items(Repository, 5);
        for (var death = 1; death <= 2; death++)
        {
            Assert.Equal(5, (await Take()).Items.Count);
            await LetLeasesRunOut();
        }

        Assert.Single((await Take()).Items);
    }

    [Fact]
    public async Task Of_items_that_may_be_to_blame_one_is_in_flight_at_a_time_and_the_others_go_on()
    {
        await Workspace.Items(Repository, 5);
        var other = await Workspace.Repository("acme/two");
        await Workspace.Items(other, 1, words: "suspect too");
        for (var death = 1; death <= 2; death++)
        {
            await Take();
            await Take(order: await Order(repository: other));
            await LetLeasesRunOut();
        }

        await Workspace.Item(other, "new");
        var suspect = await Take();

        Assert.Single(suspect.Items);
        Assert.Empty((await Take()).Items);
        Assert.False(await Claims.HasFreeLane(await Corpus(), Repository.ToString(), CancellationToken.None));
        Assert.Equal("new", Assert.Single((await Take(order: await Order(repository: other))).Items).Values[0]);
        await Claims.ReleaseUncharged(suspect, CancellationToken.None);
        Assert.True(await Claims.HasFreeLane(await Corpus(), Repository.ToString(), CancellationToken.None));
    }

    [Fact]
    public async Task An_item_that_once_failed_and_then_ends_its_workers_runs_out_of_attempts_too()
    {
        var id = await Workspace.Item(Repository, "poison");
        using (Fake.Script(Requests.All, Fault.BadInput()))
        {
            await Embed();
        }

        await Edit(id, "killer");
        await LetFailuresRetry();
        var taken = 0;
        for (; await Workspace.Pending() > 0 && taken < 20; taken++)
        {
            var claim = await Take();
            var isDoomed = BatchTriage.Sort(claim).Texts.Count == 0;
            await LetLeasesRunOut();
            if (isDoomed)
            {
                await Embed();
            }
        }

        Assert.InRange(taken, 3, 8);
        Assert.True((await Failure(id)).IsDead);
        Assert.Equal(1, Fake.RequestCount);
    }
}
