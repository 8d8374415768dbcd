using EmbeddingFunctions.Runs;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>The database while the provider is called.</summary>
public sealed class ConnectionTests(BatchDatabase shared) : BatchTest(shared)
{
    [Fact]
    public async Task No_transaction_is_open_during_the_call()
    {
        await Workspace.Items(Repository, 40);
        using var hold = Fake.Hold();
        var first = Embed();
        await Fake.WaitForRequestsAsync(1);

        // A renewal of the claim may be at work for a moment; a transaction of the batch's would be there each time.
        var open = await OpenTransactions();
        for (var sample = 0; sample < 20; sample++)
        {
            await Task.Delay(10);
            open = open.Intersect(await OpenTransactions()).ToList();
        }

        Assert.Empty(open);
        hold.Release();
        await first;
    }

    [Fact]
    public async Task A_pool_of_one_connection_serves_others_during_the_call()
    {
        await Workspace.Items(Repository, 3);
        var settings = new NpgsqlConnectionStringBuilder(Database.ConnectionString) { MaxPoolSize = 1, Timeout = 5 };
        await using var pool = Hosting.Database.Open(settings.ConnectionString);
        await using var worker = new Worker(pool, Fake);
        using var hold = Fake.Hold();
        var embedding = worker.Embed(await Order());
        await Fake.WaitForRequestsAsync(1);

        await using (var query = pool.CreateCommand("SELECT count(*) FROM issues WHERE embedding IS NULL"))
        {
            Assert.Equal(3L, await query.ExecuteScalarAsync());
        }

        hold.Release();
        Assert.Equal(3, (await embedding).Counts.Embedded);
    }

    [Fact]
    public async Task Eight_batches_share_a_pool_of_one_connection()
    {
        await Workspace.Items(Repository, 160);
        var settings = new NpgsqlConnectionStringBuilder(Database.ConnectionString) { MaxPoolSize = 1, Timeout = 15 };
        await using var pool = Hosting.Database.Open(settings.ConnectionString);
        await using var worker = new Worker(pool, Fake);

        var outcome = await worker.Run();

        Assert.Equal((160, 0), (outcome.Counts.Embedded, Fake.DuplicatePaidInputs));
    }

    [Fact]
    public async Task A_dry_run_looks_into_the_cache_with_a_pool_of_one_connection()
    {
        await Workspace.Items(Repository, 3);
        await Embed();
        await Workspace.Items(await Workspace.Repository("acme/copy"), 3);
        var settings = new NpgsqlConnectionStringBuilder(Database.ConnectionString) { MaxPoolSize = 1, Timeout = 5 };
        await using var pool = Hosting.Database.Open(settings.ConnectionString);
        await using var worker = new Worker(pool, Fake);

        var prediction = await worker.Get<DryRun>().Predict(new RunRequest("workspace", []), default);

        Assert.Equal((3, 0, 0), (prediction.Items, prediction.Inputs, prediction.Requests));
    }

    private async Task<IReadOnlyList<string>> OpenTransactions() => (await Database.Rows(
        """
        SELECT pid || ' since ' || xact_start || ': ' || query
        FROM   pg_stat_activity
        WHERE  datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL
        """)).Select(row => (string)row[0]!).ToList();
}
