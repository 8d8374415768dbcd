using System.Diagnostics;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Xunit.Abstractions;

namespace EmbeddingFunctions.Faults.Load;

/// <summary>Much of what must not be in others' way.</summary>
public sealed class LoadTests(ITestOutputHelper output) : FaultTest
{
    private protected override FakeOpenAiOptions Options => new() { Latency = TimeSpan.FromMilliseconds(30) };

    [Fact]
    public async Task F59_A_tenant_with_ten_items_does_not_wait_for_one_with_five_thousand()
    {
        var large = await Workspace.Repository("acme/large");
        await Workspace.Items(large, 5_000);
        var small = await Workspace.Repository("acme/small");
        await Workspace.Items(small, 10, words: "small");
        await using var engine = new TestEngine(Database, Fake);
        using var done = new CancellationTokenSource();
        var run = engine.Run(stopping: done.Token);
        while (await Database.Ask<long>("SELECT count(*) FROM issues WHERE repository_id = $1 AND embedding IS NULL", small) > 0)
        {
            await Task.Delay(5);
        }

        var before = await Database.Ask<long>("SELECT count(*) FROM issues WHERE repository_id = $1 AND embedding IS NOT NULL", large);
        await done.CancelAsync();
        await run;

        // A batch of the small one is among the first handful in flight.
        Assert.InRange(before, 0, 3 * Worker.BatchesInFlight * Batch);
    }

    [Fact]
    public async Task F60_A_claim_costs_the_same_behind_twenty_thousand_dead_and_waiting_items()
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 2_000);
        await using var engine = new TestEngine(Database, Fake);
        var before = await Fastest(engine, repository);
        await Workspace.Items(repository, 20_000, words: "dead");
        await Database.Execute(
            """
            UPDATE issues SET embedding_rule = (SELECT rule FROM embedding.rules WHERE kind = 'issue'),
                content_hash = 'x', embedding_state = 'failed', embedding_generated_at = now() WHERE title LIKE 'dead%';
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, is_dead, reason, failed_at)
            SELECT 'workspace', 'issue', id, repository_id::text, 3, true, 'dead', now() FROM issues WHERE title LIKE 'dead%';
            """);
        // As autovacuum does within minutes: until then a scan passes over what the rows were before.
        await Database.Execute("VACUUM ANALYZE issues");

        var behind = await Fastest(engine, repository);
        output.WriteLine($"A claim took {before.TotalMilliseconds:0.0} ms before, {behind.TotalMilliseconds:0.0} ms behind them.");
        Assert.True(
            behind < TimeSpan.FromMilliseconds(10) || behind < 3 * before,
            $"{before.TotalMilliseconds:0.0} ms became {behind.TotalMilliseconds:0.0} ms.");
    }

    // Of sixty, as the others are disturbed by whatever else the machine does.
    private static async Task<TimeSpan> Fastest(TestEngine engine, Guid repository)
    {
        var claims = engine.Get<ClaimStore>();
        var corpus = await engine.Get<ResolvedCorpora>().Get("workspace", default);
        var times = new List<TimeSpan>();
        for (var i = 0; i < 60; i++)
        {
            var order = new EmbedBatch(
                Guid.CreateVersion7(), Guid.CreateVersion7(), "workspace", "issue", repository.ToString(), Batch, null);
            var watch = Stopwatch.StartNew();
            var claim = await claims.Take(corpus, order, default);
            times.Add(watch.Elapsed);
            Assert.Equal(Batch, claim.Items.Count);
            await claims.ReleaseUncharged(claim, default);
        }

        return times.Min();
    }
}
