using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Promises;

/// <summary>More than one worker, and workers that vanish.</summary>
public sealed class WorkerTests : EngineTest
{
    [Fact]
    public async Task F39_Eight_workers_never_pay_for_an_item_twice()
    {
        for (var i = 0; i < 5; i++)
        {
            await Workspace.Items(await Workspace.Repository($"acme/{i}"), 120, words: $"repository {i} item");
        }

        var workers = Enumerable.Range(0, 8).Select(_ => new TestEngine(Database, Fake)).ToList();
        await Database.Execute("DELETE FROM embedding_start_slots");
        var outcomes = await Task.WhenAll(workers.Select(worker => Task.Run(() => worker.Run())));

        Assert.Equal((0L, 600L), (Fake.DuplicatePaidInputs, Fake.PaidInputCount));
        Assert.Equal(600, outcomes.Sum(outcome => outcome.Counts.Embedded));
        await AssertTrue();
        foreach (var worker in workers)
        {
            await worker.DisposeAsync();
        }
    }

    [Fact]
    public async Task F38_A_worker_that_lost_its_claim_writes_nothing()
    {
        await Workspace.Items(Repository, 5);
        using var hold = Fake.Hold(Requests.Next(1));
        var zombie = Engine.Run();
        await hold.WaitForHeldAsync(1);
        // Another worker takes the claims over and is at work on them.
        await Database.Execute("UPDATE embedding_claims SET leased_until = now() - interval '1 second'");
        var taken = await Take(20);
        Assert.Equal(5, taken.Items.Count);
        hold.Release();
        await Task.WhenAny(zombie, Task.Delay(TimeSpan.FromSeconds(2)));

        Assert.Equal(0, await Workspace.Embedded());
        Assert.Equal(5, await Database.Ask<long>("SELECT count(*) FROM embedding_claims WHERE token = $1", taken.Token));
        await Engine.Get<ClaimStore>().Release(taken, default);
        await zombie;
        await AssertTrue();
    }

    [Fact]
    public async Task F37_An_item_that_ends_its_worker_dies_and_its_neighbours_do_not()
    {
        const string Vanish = "UPDATE embedding_claims SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL";
        await Workspace.Items(Repository, 9);
        await Workspace.Item(Repository, "killer", updatedAt: DateTimeOffset.UtcNow);
        for (var time = 1; time <= 2; time++)
        {
            Assert.Equal(10, (await Take(20)).Items.Count);
            await Database.Execute(Vanish);
        }

        // The third time each is taken alone: the killer, being newest, comes first and ends its worker once more.
        var alone = await Take(20);
        Assert.Equal(["killer"], alone.Items.Select(item => item.Values[0]));
        await Database.Execute(Vanish);
        await Engine.Run();

        Assert.Equal(9, await Workspace.Embedded());
        Assert.Contains("the worker ended", await Database.Ask<string>("SELECT reason FROM embedding_failures WHERE is_dead"), StringComparison.Ordinal);
        Assert.DoesNotContain(Fake.PaidInputs.Keys, text => text.Contains("killer", StringComparison.Ordinal));
        await AssertTrue();
    }

    [Fact]
    public async Task A_claim_is_leased_by_the_databases_clock_and_renewed()
    {
        await Workspace.Items(Repository, 1);
        var claim = await Take(1);
        const string Left = "SELECT extract(epoch FROM leased_until - now())::float8 FROM embedding_claims";
        Assert.InRange(await Database.Ask<double>(Left), 25, 30.1);
        await Database.Execute("UPDATE embedding_claims SET leased_until = now() + interval '3 seconds'");
        await Engine.Get<ClaimStore>().Renew(claim, default);
        Assert.InRange(await Database.Ask<double>(Left), 25, 30.1);
        Assert.Empty((await Take(1)).Items);
    }

    [Fact]
    public async Task F14_A_vanished_workers_items_go_on_when_the_lease_is_over_and_what_it_had_is_not_charged_to_others()
    {
        await Workspace.Items(Repository, 30);
        await Take(20);
        await Database.Execute("UPDATE embedding_claims SET leased_until = now() + interval '2 seconds'");
        var outcome = await Engine.Run();
        Assert.Equal((30, 0), (outcome.Counts.Embedded, outcome.Counts.Failed));
        await AssertTrue();
    }

    private async Task<Claim> Take(int count)
    {
        var corpus = await Engine.Get<BoundCorpora>().Get("workspace", default);
        return await Engine.Get<ClaimStore>().Take(
            corpus, new EmbedBatch(Guid.NewGuid(), Guid.NewGuid(), "workspace", "issue", Repository.ToString(), count, null), default);
    }
}
