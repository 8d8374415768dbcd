using EmbeddingFunctions.Caching;

namespace EmbeddingFunctions.Core.Tests.Caching;

public sealed class PostgresVectorCacheTests : VectorCacheTests
{
    [Fact]
    public async Task It_keeps_no_more_than_its_bound()
    {
        var small = new PostgresVectorCache(Database.Source, Key, TimeProvider.System, maxEntries: 5);
        for (var i = 0; i < 101; i++)
        {
            await small.Store([Entry($"text {i}", i)]);
        }

        Assert.Equal(5, await Database.Ask<long>("SELECT count(*) FROM embedding.cache"));
        Assert.Single(await Find("text 100"));
    }

    [Fact]
    public async Task What_has_expired_is_not_found()
    {
        await Cache.Store([Entry("a", 1)]);
        await Database.Execute("UPDATE embedding.cache SET expires_at = now()");

        Assert.Empty(await Find("a"));
    }

    [Fact]
    public async Task A_database_that_is_away_is_a_miss_and_no_error()
    {
        await using var nowhere = Hosting.Database.Open("Host=127.0.0.1;Port=1;Timeout=2");
        var cache = new PostgresVectorCache(nowhere, Key, TimeProvider.System);

        await cache.Store([Entry("a", 1)]);
        Assert.Empty(await cache.Find(["a"], 2, since: null, default));
    }

    private protected override Task<IVectorCache> Open(CacheKey key) =>
        Task.FromResult<IVectorCache>(new PostgresVectorCache(Database.Source, key, TimeProvider.System));

    private protected override Task Put(byte[] key, byte[] entry) =>
        Database.Execute("INSERT INTO embedding.cache VALUES ($1, $2, now() + interval '1 day')", key, entry);

    private protected override async Task<TimeSpan?> KeptFor(byte[] key) =>
        await Database.Ask<TimeSpan>("SELECT expires_at - now() FROM embedding.cache WHERE key = $1", key);
}
