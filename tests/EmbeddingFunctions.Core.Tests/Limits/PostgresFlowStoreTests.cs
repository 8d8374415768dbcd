using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Limits;

public sealed class PostgresFlowStoreTests : FlowStoreContract, IAsyncLifetime
{
    private TestDatabase _database = null!;

    private protected override IFlowStore Store => new PostgresFlowStore(_database.Source, TimeProvider.System);

    public async Task InitializeAsync() => _database = await TestDatabase.Migrated();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_database_that_is_away_is_no_error_and_left_alone_for_five_seconds()
    {
        var clock = new ManualClock();
        await using var nowhere = EmbeddingFunctions.Storage.Database.Open("Host=127.0.0.1;Port=1;Timeout=2");
        var store = new PostgresFlowStore(nowhere, clock);

        Assert.Null(await store.Read("p", default));
        Assert.Null(await store.Exchange("p", null, "{}", default));
    }

    [Fact]
    public async Task In_the_place_of_Redis_it_gives_a_quarter_until_all_have_missed_Redis()
    {
        var clock = new ManualClock();
        using var redis = new EmbeddingFunctions.Storage.RedisConnection("redis://127.0.0.1:1", clock);
        var store = new PostgresFlowStore(_database.Source, clock, redis);
        await redis.Ask(database => database.PingAsync(), default);

        clock.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(0.25, store.Part);
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(1, store.Part);
    }

    [Fact]
    public async Task One_that_was_not_migrated_yet_is_away()
    {
        await _database.Execute("DROP TABLE embedding_provider_flow");

        Assert.Null(await Store.Read("p", default));
    }
}
