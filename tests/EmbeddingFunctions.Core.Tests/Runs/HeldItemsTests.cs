using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

public sealed class HeldItemsTests
{
    [Fact]
    public async Task F14_A_run_waits_for_the_items_of_a_vanished_worker_and_embeds_them_when_their_lease_is_over()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using var database = await TestDatabase.Migrated();
        await using var engine = new TestEngine(database, fake);
        var workspace = new TestWorkspace(database);
        var repository = await workspace.Repository();
        await workspace.Items(repository, 30);
        var corpus = await engine.Get<ResolvedCorpora>().Get("workspace", default);
        var order = new EmbedBatch(Guid.NewGuid(), Guid.NewGuid(), "workspace", "issue", repository.ToString(), 20, null);
        Assert.Equal(20, (await engine.Get<ClaimStore>().Take(corpus, order, default)).Items.Count);
        await database.Execute("UPDATE embedding.claims SET leased_until = now() + interval '2 seconds'");

        var outcome = await engine.Run();

        Assert.Equal((30, 0), (outcome.Counts.Embedded, outcome.Counts.Failed));
        Assert.Empty(await workspace.Stale());
        Assert.Equal(0L, await workspace.Pending());
    }
}
