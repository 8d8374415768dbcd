using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Core.Tests.FakeProvider;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Who may embed an item: claims and the charge for an attempt.</summary>
public sealed class ClaimTests(BatchDatabase shared) : BatchTest(shared)
{
    [Fact]
    public async Task Eight_workers_at_once_never_hold_the_same_item()
    {
        await Workspace.Items(Repository, 300);
        var orders = new List<EmbedBatch>();
        for (var i = 0; i < 16; i++)
        {
            orders.Add(await Order());
        }

        using var start = new SemaphoreSlim(0);
        var workers = orders.Select(async order =>
        {
            await start.WaitAsync();
            return await Take(order: order);
        }).ToList();
        start.Release(16);
        var claims = await Task.WhenAll(workers);

        var held = claims.SelectMany(claim => claim.Items).Select(item => item.Id).ToList();
        Assert.Equal(held.Count, held.Distinct().Count());
        Assert.Equal(held.Count, await Count("embedding.claims WHERE token IS NOT NULL AND attempts = 1"));
    }

    [Fact]
    public async Task Eight_workers_at_once_pay_for_no_text_twice()
    {
        await Workspace.Items(Repository, 200);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            while (await Workspace.Pending() > 0)
            {
                await Embed(7);
            }
        }));

        Assert.Equal((200, 0), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        Assert.Equal(200, await Workspace.Embedded());
        await AssertNothingStale();
        await AssertNoneCharged();
    }

    [Fact]
    public async Task A_newer_item_waits_a_second_at_most_while_a_run_claims_behind_its_last_item()
    {
        await Workspace.Items(Repository, 8);
        var (corpus, order, time) = (await Corpus(), await Order(2), new ManualTime());
        var claims = new ClaimStore(Database.Source, time, NullLogger<ClaimStore>.Instance);
        async Task<IEnumerable<string>> Next()
        {
            var claim = await claims.Take(corpus, order with { BatchId = Guid.CreateVersion7() }, CancellationToken.None);
            await claims.ReleaseUncharged(claim, CancellationToken.None);
            return claim.Items.Select(item => item.Id);
        }

        await Next();
        var newest = await Workspace.Item(Repository, "newest");

        var behind = await Next();
        time.Advance(0.9);
        var still = await Next();
        time.Advance(0.2);
        var fromTheNewest = await Next();

        Assert.DoesNotContain(newest, behind.Concat(still));
        Assert.Contains(newest, fromTheNewest);
    }

    [Fact]
    public async Task A_claimed_item_is_no_others_until_its_lease_runs_out()
    {
        await Workspace.Item(Repository, "one");
        var first = await Take();
        Assert.Empty((await Take()).Items);

        await LetLeasesRunOut();
        var second = await Take();

        Assert.Equal(first.Items.Single().Id, second.Items.Single().Id);
        Assert.NotEqual(first.Token, second.Token);
    }

    [Fact]
    public async Task An_item_that_failed_waits_for_its_next_attempt_and_an_edit_of_it_does_not()
    {
        var id = await Workspace.Item(Repository, "one");
        Fake.Script(Requests.All, Fault.BadInput());
        Assert.Equal(1, (await Embed()).Counts.Failed);
        Assert.Empty((await Take()).Items);

        await Edit(id, "another");

        Assert.Equal(id, (await Take()).Items.Single().Id);
    }

    [Fact]
    public async Task While_another_process_claims_of_the_partition_none_waits_for_its_turn_on_a_connection()
    {
        await Workspace.Items(Repository, 400);
        var orders = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Order(5)));
        await using var other = await Database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await new NpgsqlCommand(
            $"SELECT pg_advisory_xact_lock(hashtextextended('embedding lanes of workspace {Repository}', 0))", other,
            transaction).ExecuteNonQueryAsync();

        var embedding = Task.WhenAll(orders.Select(order => Task.Run(() => Embed(order))));
        for (var i = 0; i < 20 && !embedding.IsCompleted; i++)
        {
            Assert.Equal(0, await Count("pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"));
            await Task.Delay(20);
        }

        Assert.All(await embedding.WaitAsync(TimeSpan.FromSeconds(20)), batch => Assert.True(batch.NoLane));
        await transaction.RollbackAsync();
        Assert.Equal(5, (await Embed(5)).Counts.Embedded);
    }

    [Fact]
    public async Task Giving_back_takes_the_charge_back()
    {
        await Workspace.Item(Repository, "one");
        var claim = await Take();
        Assert.Equal(1, claim.Items.Single().Attempts);

        await Claims.ReleaseUncharged(claim, CancellationToken.None);

        await AssertNoneCharged();
        Assert.Equal(1, (await Take()).Items.Single().Attempts);
    }

    [Fact]
    public async Task Giving_back_leaves_what_another_holds_by_now()
    {
        await Workspace.Item(Repository, "one");
        var first = await Take();
        await LetLeasesRunOut();
        var second = await Take();

        await Claims.ReleaseUncharged(first, CancellationToken.None);
        await Claims.Renew(first, CancellationToken.None);

        Assert.Equal(second.Token, await Database.Ask<Guid>("SELECT token FROM embedding.claims"));
    }

    [Fact]
    public async Task An_attempt_is_charged_when_the_item_is_claimed()
    {
        await Workspace.Item(Repository, "one");
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            Assert.Equal(attempt, (await Take()).Items.Single().Attempts);
            await LetLeasesRunOut();
        }
    }

    [Fact]
    public async Task Newest_items_are_taken_first_and_those_of_other_partitions_not_at_all()
    {
        var now = DateTimeOffset.UtcNow.AddMinutes(-10);
        var old = await Workspace.Item(Repository, "old", updatedAt: now.AddMinutes(-2));
        var @new = await Workspace.Item(Repository, "new", updatedAt: now);
        var middle = await Workspace.Item(Repository, "middle", updatedAt: now.AddMinutes(-1));
        await Workspace.Item(await Workspace.Repository("acme/two"), "another's", updatedAt: now.AddMinutes(1));

        Assert.Equal([@new, middle], (await Take(2)).Items.Select(item => item.Id));
        Assert.Equal([old], (await Take()).Items.Select(item => item.Id));
    }

    [Fact]
    public async Task A_partition_that_may_not_embed_is_not_claimed()
    {
        var inactive = await Workspace.Repository("acme/asleep", isActive: false);
        await Workspace.Item(inactive, "one");

        Assert.Empty((await Take(order: await Order(repository: inactive))).Items);
    }

    [Fact]
    public async Task A_repeated_order_does_not_become_a_second_batch()
    {
        await Workspace.Items(Repository, 40);
        var order = await Order();
        var first = await Embed(order);

        var second = await Embed(order);

        Assert.Equal(20, first.Counts.Embedded);
        Assert.Equal(first, second);
        Assert.Equal((20, 1), (Fake.PaidInputCount, Fake.RequestCount));
        Assert.Equal(20, await Workspace.Pending());
    }
}
