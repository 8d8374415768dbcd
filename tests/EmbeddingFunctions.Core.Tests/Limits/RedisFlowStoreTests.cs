using EmbeddingFunctions.Limits;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Core.Tests.Limits;

public sealed class RedisFlowStoreTests : FlowStoreContract, IAsyncLifetime
{
    private RedisConnection _redis = null!;

    private protected override IFlowStore Store => new RedisFlowStore(_redis);

    public async Task InitializeAsync() => _redis = await TestRedis.Connect();

    public Task DisposeAsync()
    {
        _redis.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Its_script_may_be_forgotten_by_the_server_at_any_time()
    {
        var provider = $"{Guid.NewGuid()}";
        await Store.Exchange(provider, null, "1", default);
        await _redis.Ask(database => database.ExecuteAsync("SCRIPT", "FLUSH"), default);

        Assert.True((await Store.Exchange(provider, "1", "2", default))!.IsExchanged);
        Assert.Equal("2", (await Store.Read(provider, default))!.State);
    }

    [Fact]
    public async Task What_it_keeps_expires_a_day_after_its_last_use()
    {
        var provider = $"{Guid.NewGuid()}";
        await Store.Exchange(provider, null, "1", default);

        var left = await _redis.Ask(database => database.KeyTimeToLiveAsync($"embedding-flow:{provider}"), default);

        Assert.InRange(left!.Value, TimeSpan.FromHours(23), TimeSpan.FromDays(1));
    }
}
