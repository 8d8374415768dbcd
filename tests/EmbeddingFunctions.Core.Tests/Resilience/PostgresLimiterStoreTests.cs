using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Resilience;

public sealed class PostgresLimiterStoreTests : LimiterStoreContract, IAsyncLifetime
{
    private TestDatabase _database = null!;

    private protected override ILimiterStore Store => new PostgresLimiterStore(_database.Source, TimeProvider.System);

    public async Task InitializeAsync() => _database = await TestDatabase.Migrated();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task An_unreachable_database_is_no_error_and_left_alone_for_five_seconds()
    {
        var clock = new ManualClock();
        var port = RedisProxy.FreePort();
        await using var database = Database.Open($"Host=127.0.0.1;Port={port};Username=u;Timeout=2");
        var store = new PostgresLimiterStore(database, clock);
        Assert.Null(await store.Read("p"));
        var connections = 0;
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, port);
        listener.Start();
        _ = Task.Run(async () =>
        {
            while (true)
            {
                using var connection = await listener.AcceptTcpClientAsync();
                Interlocked.Increment(ref connections);
            }
        });

        clock.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Null(await store.Exchange("p", null, "{}"));
        Assert.Equal(0, connections);
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Null(await store.Exchange("p", null, "{}"));
        Assert.NotEqual(0, connections);
    }

    [Fact]
    public async Task A_database_before_its_migration_is_unavailable()
    {
        await _database.Execute("DROP TABLE embedding.limiters");

        Assert.Null(await Store.Read("p"));
    }
}
