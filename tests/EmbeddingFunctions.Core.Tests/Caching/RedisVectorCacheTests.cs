using System.Diagnostics;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Core.Tests.Resilience;
using EmbeddingFunctions.Redis;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace EmbeddingFunctions.Core.Tests.Caching;

public sealed class RedisVectorCacheTests : VectorCacheTests
{
    [Fact]
    public async Task What_is_stored_stands_in_Redis_and_not_in_the_table()
    {
        await Cache.Store([Entry("a", 1)]);

        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.cache"));
    }

    [Fact]
    public async Task Databases_that_share_a_Redis_and_a_secret_pay_once_and_others_by_themselves()
    {
        await using var fake = await FakeOpenAi.StartAsync();
        await using var other = await TestDatabase.Migrated();
        await using var third = await TestDatabase.Migrated();
        await third.Execute("UPDATE embedding.cache_key SET key = sha256('of its own')");
        await using var stranger = new TestEngine(third, fake, settings => settings with { RedisUrl = TestRedis.Url });
        await using var first = new TestEngine(Database, fake, settings => settings with { RedisUrl = TestRedis.Url });
        await using var second = new TestEngine(other, fake, settings => settings with { RedisUrl = TestRedis.Url });
        await TestRedis.Connected(first.Get<RedisConnection>());
        await TestRedis.Connected(second.Get<RedisConnection>());
        // What an earlier run of the tests left in this Redis is of other words.
        var words = $"{Guid.NewGuid()}";
        foreach (var database in new[] { Database, other, third })
        {
            var workspace = new TestWorkspace(database);
            await workspace.Items(await workspace.Repository(), 30, words: words);
        }

        var paid = await first.Run();
        var cached = await second.Run();
        await TestRedis.Connected(stranger.Get<RedisConnection>());
        var paidAgain = await stranger.Run();

        Assert.Equal((30, 0, 2), (paid.Counts.Embedded, paid.Counts.Cached, paid.Counts.Requests));
        Assert.Equal((30, 30, 0), (cached.Counts.Embedded, cached.Counts.Cached, cached.Counts.Requests));
        Assert.Equal((30, 0, 2), (paidAgain.Counts.Embedded, paidAgain.Counts.Cached, paidAgain.Counts.Requests));
        Assert.Empty(await new TestWorkspace(other).Stale());
    }

    [Fact]
    public async Task Without_Redis_the_table_is_the_cache()
    {
        using var redis = new RedisConnection("redis://127.0.0.1:1", TimeProvider.System);
        var cache = Over(redis);
        await cache.Store([Entry("a", 1)]);

        Assert.Single(await cache.Find(["a"], 2, since: null, default));
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.cache"));
    }

    [Fact]
    public async Task A_Redis_that_answers_no_more_costs_a_quarter_of_a_second_once()
    {
        using var proxy = new RedisProxy(new Uri(TestRedis.Url));
        using var redis = await TestRedis.Connect($"redis://127.0.0.1:{proxy.Port}", RedisConnection.DefaultTimeout);
        var cache = Over(redis);
        proxy.Hang();

        var watch = Stopwatch.StartNew();
        Assert.Empty(await cache.Find(["a"], 2, since: null, default));
        var first = watch.Elapsed;
        for (var i = 0; i < 20; i++)
        {
            await cache.Find(["a"], 2, since: null, default);
        }

        Assert.InRange(first, RedisConnection.DefaultTimeout - TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(2));
        Assert.True(watch.Elapsed - first < TimeSpan.FromSeconds(2), $"Twenty more took {watch.Elapsed - first}.");
    }

    [Fact]
    public async Task The_first_vector_stored_after_a_slow_reply_is_logged_as_the_return_of_Redis()
    {
        var (clock, log) = (new ManualClock(), new LogLines<RedisConnection>());
        using var redis = new RedisConnection(TestRedis.Url, clock, log: log);
        await TestRedis.Connected(redis);
        await redis.Ask(_ => new TaskCompletionSource<bool>().Task, default);
        var cache = Over(redis);
        clock.Advance(TimeSpan.FromSeconds(5));
        await cache.Find(["a"], 2, since: null, default);
        Assert.Equal([LogLevel.Warning], log.Levels);

        await cache.Store([Entry("a", 1)]);

        Assert.Equal([LogLevel.Warning, LogLevel.Information], log.Levels);
    }

    private protected override async Task<IVectorCache> Open(CacheKey key) => Over(await TestRedis.Connect(), key);

    private protected override Task Put(byte[] key, byte[] entry) =>
        Ask(redis => redis.StringSetAsync(Name(key), entry, TimeSpan.FromMinutes(1)));

    private protected override Task<TimeSpan?> KeptFor(byte[] key) => Ask(redis => redis.KeyTimeToLiveAsync(Name(key)));

    private RedisVectorCache Over(RedisConnection redis, CacheKey? key = null) =>
        new(redis, key ?? Key, new PostgresVectorCache(Database.Source, key ?? Key, TimeProvider.System), TimeProvider.System);

    private static RedisKey Name(byte[] key) => (byte[])[.. "embedding:"u8, .. key];

    private static async Task<T> Ask<T>(Func<IDatabase, Task<T>> command)
    {
        var url = new Uri(TestRedis.Url);
        using var connection = await ConnectionMultiplexer.ConnectAsync($"{url.Host}:{url.Port}");
        return await command(connection.GetDatabase());
    }
}
