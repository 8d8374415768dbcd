using System.Security.Cryptography;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Caching;

/// <summary>What every cache must do.</summary>
public abstract class VectorCacheTests : IAsyncLifetime
{
    private protected TestDatabase Database { get; private set; } = null!;

    /// <summary>A key of this test's own, so that tests may share a server.</summary>
    private protected CacheKey Key { get; private set; } = null!;

    private protected IVectorCache Cache { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Database = await TestDatabase.Migrated();
        Key = await KeyOf($"http://{Guid.NewGuid():N}.example/v1/");
        Cache = await Open(Key);
    }

    public async Task DisposeAsync()
    {
        (Cache as IDisposable)?.Dispose();
        await Database.DisposeAsync();
    }

    private protected abstract Task<IVectorCache> Open(CacheKey key);

    /// <summary>Puts bytes where an entry would stand.</summary>
    private protected abstract Task Put(byte[] key, byte[] entry);

    /// <returns>How long an entry is kept from now.</returns>
    private protected abstract Task<TimeSpan?> KeptFor(byte[] key);

    [Fact]
    public async Task What_was_stored_is_found_and_nothing_else()
    {
        await Cache.Store([Entry("a", 1), Entry("b", 2)]);

        var found = await Find("b", "c", "a");

        Assert.Equal(["a", "b"], found.Keys.Order());
        Assert.Equal((1f, 2f), (found["a"].Span[0], found["b"].Span[0]));
    }

    [Fact]
    public async Task What_is_stored_again_is_found_as_it_was_stored_last()
    {
        await Cache.Store([Entry("a", 1)]);
        await Cache.Store([Entry("a", 3), Entry("b", 2)]);

        Assert.Equal(3f, (await Find("a"))["a"].Span[0]);
    }

    [Fact]
    public async Task A_foreign_entry_is_none_and_is_overwritten()
    {
        await Put(Key.Of("a"), "garbage"u8.ToArray());
        Assert.Empty(await Find("a"));

        await Cache.Store([Entry("a", 1)]);
        Assert.Single(await Find("a"));
    }

    [Fact]
    public async Task An_entry_that_is_not_signed_by_the_database_is_not_believed()
    {
        // The format of before, whose checksum could be worked out by any writer.
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        byte[] body = [1, .. BitConverter.GetBytes(now), .. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(0f)];
        await Put(Key.Of("a"), [.. body, .. SHA256.HashData([.. "a"u8, .. body]).AsSpan(0, 8)]);

        Assert.Empty(await Find("a"));
    }

    [Fact]
    public async Task A_zero_vector_is_never_taken_from_the_cache()
    {
        await Cache.Store([new("a", new float[] { 0, 0 })]);

        Assert.Empty(await Find("a"));
    }

    [Fact]
    public async Task An_entry_is_kept_for_thirty_days()
    {
        await Cache.Store([Entry("a", 1)]);

        Assert.InRange((await KeptFor(Key.Of("a")))!.Value, TimeSpan.FromDays(29.9), TimeSpan.FromDays(30));
    }

    [Fact]
    public async Task Another_provider_s_vectors_are_not_found()
    {
        await Cache.Store([Entry("a", 1)]);
        var other = await Open(await KeyOf("http://other.example/v1/"));

        Assert.Empty(await other.Find(["a"], 2, since: null, default));
        (other as IDisposable)?.Dispose();
    }

    [Fact]
    public async Task Only_what_was_stored_since_a_moment_is_found()
    {
        await Cache.Store([Entry("a", 1)]);

        Assert.Single(await Cache.Find(["a"], 2, DateTimeOffset.UtcNow.AddMinutes(-1), default));
        Assert.Empty(await Cache.Find(["a"], 2, DateTimeOffset.UtcNow.AddMinutes(1), default));
    }

    private protected Task<IReadOnlyDictionary<string, ReadOnlyMemory<float>>> Find(params string[] fingerprints) =>
        Cache.Find(fingerprints, 2, since: null, default);

    private protected static KeyValuePair<string, ReadOnlyMemory<float>> Entry(string fingerprint, float first) =>
        new(fingerprint, new[] { first, 0.5f });

    private async Task<CacheKey> KeyOf(string url)
    {
        var settings = new EmbeddingSettings { Provider = ProviderChoice.OpenAi, ProviderReason = "test", BaseUrl = new Uri(url) };
        var key = new CacheKey(settings, Database.Source);
        Assert.True(await key.Load(default));
        return key;
    }
}
