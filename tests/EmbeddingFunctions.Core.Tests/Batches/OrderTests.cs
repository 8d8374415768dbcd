using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Orders of several batches, one after the other.</summary>
public sealed class OrderTests(BatchDatabase shared) : BatchTest(shared)
{
    [Fact]
    public async Task An_order_of_several_batches_sends_a_request_for_each_and_tells_what_all_of_them_did()
    {
        await Workspace.Items(Repository, 60);

        var done = await Do(await Several(50));

        Assert.Equal((50, 50, 3), (done.Counts.Claimed, done.Counts.Embedded, done.Counts.Requests));
        Assert.Equal([10, 20, 20], Fake.Requests.Select(request => request.InputCount).Order());
        Assert.Equal((3L, 0L), (await Count("embedding.batches"), await Count("embedding.claims")));
    }

    [Fact]
    public async Task Repeated_it_tells_the_same_and_does_only_what_was_not_done()
    {
        await Workspace.Items(Repository, 100);
        var order = await Several(60);
        using var lost = new CancellationTokenSource();
        var second = Fake.Hold(Requests.Number(2));
        var first = Do(order, lost.Token);
        await second.WaitForHeldAsync(1, TimeSpan.FromSeconds(30));
        await lost.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        second.Release();
        Assert.Equal(20, await Workspace.Embedded());
        // As if its process had been killed instead, so that the second batch left no row.
        Assert.Equal(20, (await Do(order)).Counts.Embedded);
        await Database.Execute("DELETE FROM embedding.batches WHERE claimed = 0");

        Assert.Equal(60, (await Do(order)).Counts.Embedded);
        Assert.Equal(60, (await Do(order)).Counts.Embedded);
        Assert.Equal(60, await Workspace.Embedded());
    }

    [Fact]
    public async Task It_ends_after_the_batch_in_flight_when_the_run_is_cancelled_or_the_host_stops()
    {
        await Workspace.Items(Repository, 100);
        var cancelled = await Several(60);
        using (var hold = Fake.Hold(Requests.Number(1)))
        {
            var embedding = Do(cancelled);
            await hold.WaitForHeldAsync(1, TimeSpan.FromSeconds(30));
            await Database.Execute("UPDATE embedding.jobs SET cancel_requested_at = now()");
            hold.Release();
            Assert.Equal(20, (await embedding).Counts.Embedded);
        }

        using var stopping = new CancellationTokenSource();
        using (var hold = Fake.Hold(Requests.Number(2)))
        {
            var embedding = Do(await Several(60), stopping.Token);
            await hold.WaitForHeldAsync(1, TimeSpan.FromSeconds(30));
            await stopping.CancelAsync();
            hold.Release();
            Assert.Equal(20, (await embedding).Counts.Embedded);
        }

        Assert.Equal((40L, 2), (await Workspace.Embedded(), Fake.RequestCount));
    }

    [Fact]
    public async Task It_ends_when_the_provider_wants_to_be_left_alone()
    {
        await Workspace.Items(Repository, 100);
        using var refusal = Fake.Script(Requests.Number(2), Fault.RateLimited(TimeSpan.FromMinutes(2)));

        var done = await Do(await Several(60));

        Assert.Equal((20, 2), (done.Counts.Embedded, Fake.RequestCount));
        Assert.NotNull(done.RetryAt);
        Assert.Equal(0, await Count("embedding.claims"));
    }

    [Fact]
    public async Task At_any_moment_it_takes_one_lane_of_its_partition()
    {
        await Workspace.Items(Repository, 300);
        var lanes = 0L;
        var done = Task.WhenAll(Do(await Several(100)), Do(await Several(100)), Do(await Several(100)));
        while (!done.IsCompleted)
        {
            lanes = Math.Max(
                lanes, await Database.Ask<long>("SELECT count(DISTINCT token) FROM embedding.claims WHERE leased_until > now()"));
        }

        await done;
        Assert.InRange(lanes, 1, 2);
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    private async Task<EmbedBatch> Several(int items) => await Order(items) with { BatchSize = 20 };

    // By a clock that is not fast: an order ends when it has taken two minutes.
    private async Task<EmbeddedBatch> Do(EmbedBatch order, CancellationToken stopping = default)
    {
        await using var worker = new Worker(Database.Source, Fake, speed: 1);
        return await worker.Get<RunActivities>().Do(RunActivities.EmbedBatch, order, stopping);
    }
}
