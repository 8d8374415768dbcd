using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using StackExchange.Redis;

namespace EmbeddingFunctions.Redis;

/// <summary>The cache in Redis, and in Postgres while Redis is unavailable.</summary>
internal sealed class RedisVectorCache(RedisConnection redis, CacheKey key, IVectorCache fallback, TimeProvider time) : IVectorCache
{
    private static readonly TimeSpan _kept = TimeSpan.FromDays(30);

    private static readonly byte[] _prefix = "embedding:"u8.ToArray();

    public async Task<IReadOnlyDictionary<string, ReadOnlyMemory<float>>> Find(
        IReadOnlyList<string> fingerprints, int dimensions, DateTimeOffset? since, CancellationToken cancellation)
    {
        var entries = await key.Load(cancellation)
            ? await redis.Ask(database => database.StringGetAsync(fingerprints.Select(Key).ToArray()), cancellation)
            : null;
        if (entries is null)
        {
            return await fallback.Find(fingerprints, dimensions, since, cancellation);
        }

        var found = new Dictionary<string, ReadOnlyMemory<float>>();
        for (var i = 0; i < entries.Length; i++)
        {
            if ((byte[]?)entries[i] is { } entry && CacheEntry.Read(key, fingerprints[i], entry, dimensions, since) is { } vector)
            {
                found[fingerprints[i]] = vector;
            }
        }

        // Vectors that were paid for while Redis was unavailable, or refused writes, are in the table.
        var missing = fingerprints.Where(fingerprint => !found.ContainsKey(fingerprint)).ToList();
        if (missing.Count > 0)
        {
            foreach (var (fingerprint, vector) in await fallback.Find(missing, dimensions, since, cancellation))
            {
                found[fingerprint] = vector;
            }
        }

        return found;
    }

    public async Task Store(IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<float>>> vectors)
    {
        var now = time.GetUtcNow();
        var stored = await key.Load(CancellationToken.None) && await redis.Ask(async database =>
        {
            var batch = database.CreateBatch();
            var sets = vectors.Select(entry =>
                batch.StringSetAsync(Key(entry.Key), CacheEntry.Write(key, entry.Key, entry.Value.Span, now), _kept)).ToList();
            batch.Execute();
            await Task.WhenAll(sets);
            return true;
        }, CancellationToken.None);
        if (!stored)
        {
            await fallback.Store(vectors);
            return;
        }

        redis.ReportUsed();
    }

    public async Task Forget(IReadOnlyList<string> fingerprints, CancellationToken cancellation)
    {
        await fallback.Forget(fingerprints, cancellation);
        var problem = await redis.Problem(cancellation);
        var keys = fingerprints.Select(Key).ToArray();
        if (problem is not null || await redis.Ask(async database => (long?)await database.KeyDeleteAsync(keys), cancellation) is null)
        {
            throw new DatabaseNotReadyException(
                $"Redis keeps vectors of it and cannot be asked ({problem ?? "it did not answer in time"}): run the command again when it "
                    + "is back.");
        }
    }

    private RedisKey Key(string fingerprint) => (byte[])[.. _prefix, .. key.Of(fingerprint)];
}
