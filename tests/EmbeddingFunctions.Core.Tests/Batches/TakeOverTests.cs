using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>A worker whose claims another takes over while its text is at the provider's.</summary>
public sealed class TakeOverTests(BatchDatabase shared) : BatchTest(shared)
{
    [Fact]
    public async Task A_worker_whose_claims_were_taken_over_writes_nothing()
    {
        await Workspace.Items(Repository, 2);
        await using var another = new Worker(Database.Source, Fake);
        EmbeddedBatch? successor = null;

        var zombie = await DuringTheCall(async () =>
        {
            // The first worker may renew its lease in between.
            for (var tries = 0; tries < 20 && successor is not { Counts.Embedded: 2 }; tries++)
            {
                await LetLeasesRunOut();
                successor = await another.Embed(await Order());
            }

            await Database.Execute("UPDATE issues SET embedding = NULL");
        });

        Assert.Equal((2, 0), (successor!.Counts.Embedded, zombie.Counts.Embedded));
        Assert.Equal((0, 0), (await Workspace.Embedded(), zombie.Counts.Settled));
    }

    [Fact]
    public async Task A_worker_whose_claims_were_taken_over_ends_no_others_claim()
    {
        await Workspace.Items(Repository, 2);
        Claim? successor = null;

        await DuringTheCall(async () =>
        {
            await LetLeasesRunOut();
            successor = await Take();
        });

        Assert.Equal(0, await Workspace.Embedded());
        Assert.Equal(2, await Database.Ask<long>("SELECT count(*) FROM embedding.claims WHERE token = $1", successor!.Token));
    }

    [Fact]
    public async Task A_worker_whose_claims_were_taken_over_records_no_failure()
    {
        await Workspace.Items(Repository, 2);
        using var refusal = Fake.Script(Requests.All, Fault.BadInput());
        Claim? successor = null;

        await DuringTheCall(async () =>
        {
            await LetLeasesRunOut();
            successor = await Take();
        });

        Assert.Equal(0, await Count("embedding.failures"));
        Assert.Equal(
            2, await Database.Ask<long>("SELECT count(*) FROM embedding.claims WHERE token = $1 AND attempts = 2", successor!.Token));
    }

    [Fact]
    public async Task A_lease_that_ran_out_unnoticed_still_counts_while_no_other_took_it()
    {
        await Workspace.Items(Repository, 2);

        var batch = await DuringTheCall(LetLeasesRunOut);

        Assert.Equal(2, batch.Counts.Embedded);
    }
}
