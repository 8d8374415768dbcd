using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Caching;

/// <summary>The cache where there is no Redis: a table of bounded size, which a crash of the server may empty.</summary>
internal sealed class PostgresVectorCache(
    NpgsqlDataSource database, CacheKey key, TimeProvider time, int maxEntries = 100_000, DatabaseOutages? outages = null)
    : IVectorCache
{
    private const string Finding = "the search for cached vectors";
    private const string Storing = "the caching of vectors";

    private static readonly TimeSpan _kept = TimeSpan.FromDays(30);

    // A statement that was prepared while the table was empty would go on reading it as a whole.
    private static SqlText ByKey => $"SELECT set_config('enable_seqscan', 'off', true)";

    private static SqlText FindEntries(byte[][] keys) =>
        $"""
        SELECT k.place, c.entry
        FROM   unnest({keys}::bytea[]) WITH ORDINALITY AS k (key, place)
        CROSS  JOIN LATERAL (SELECT entry FROM embedding.cache WHERE key = k.key AND expires_at > now() OFFSET 0) c
        """;

    // In the order of the keys, so that two who store the same never wait for each other in a circle.
    private static SqlText StoreEntries(byte[][] keys, byte[][] entries) =>
        $"""
        INSERT INTO embedding.cache (key, entry, expires_at)
        SELECT key, entry, now() + {_kept}
        FROM   unnest({keys}::bytea[], {entries}::bytea[]) AS e (key, entry)
        ORDER  BY key
        ON CONFLICT (key) DO UPDATE SET entry = EXCLUDED.entry, expires_at = EXCLUDED.expires_at
        """;

    private static SqlText Clear(int maxEntries) =>
        $"""
        DELETE FROM embedding.cache
        WHERE  expires_at <= COALESCE((SELECT expires_at FROM embedding.cache ORDER BY expires_at DESC OFFSET {maxEntries} LIMIT 1), now())
        """;

    private int _sinceCleared = int.MaxValue / 2;

    public async Task<IReadOnlyDictionary<string, ReadOnlyMemory<float>>> Find(
        IReadOnlyList<string> fingerprints, int dimensions, DateTimeOffset? since, CancellationToken cancellation)
    {
        var found = new Dictionary<string, ReadOnlyMemory<float>>();
        if (!await key.Load(cancellation))
        {
            return found;
        }

        try
        {
            var entries = new List<(string Fingerprint, byte[] Entry)>();
            await database.ReadAsync(
                [ByKey, FindEntries(fingerprints.Select(key.Of).ToArray())], cancellation, _ => { },
                row => entries.Add((fingerprints[(int)row.GetInt64(0) - 1], row.GetFieldValue<byte[]>(1))));
            outages?.Answered(Finding);
            foreach (var (fingerprint, entry) in entries)
            {
                if (CacheEntry.Read(key, fingerprint, entry, dimensions, since) is { } vector)
                {
                    found[fingerprint] = vector;
                }
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // A miss.
            outages?.Failed(Finding, e);
        }

        return found;
    }

    public async Task Store(IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<float>>> vectors)
    {
        if (!await key.Load(CancellationToken.None))
        {
            return;
        }

        try
        {
            var keys = vectors.Select(entry => key.Of(entry.Key)).ToArray();
            var entries = vectors.Select(entry => CacheEntry.Write(key, entry.Key, entry.Value.Span, time.GetUtcNow())).ToArray();
            await database.ExecuteAsync(StoreEntries(keys, entries), CancellationToken.None);
            // What is too old or too many is deleted once a tenth more may be there.
            if (Interlocked.Add(ref _sinceCleared, vectors.Count) > maxEntries / 10)
            {
                Interlocked.Exchange(ref _sinceCleared, 0);
                await database.ExecuteAsync(Clear(maxEntries), CancellationToken.None);
            }

            outages?.Answered(Storing);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // Not kept: the rows themselves are written next, and tried harder.
            outages?.Failed(Storing, e);
        }
    }

    public async Task Forget(IReadOnlyList<string> fingerprints, CancellationToken cancellation)
    {
        if (!await key.Load(cancellation))
        {
            throw new DatabaseNotReadyException(
                "The database does not let this role read embedding.cache_key, so cached vectors cannot be found: GRANT SELECT on it, and "
                    + "run the command again.");
        }

        await database.ExecuteAsync(
            $"DELETE FROM embedding.cache WHERE key = ANY ({fingerprints.Select(key.Of).ToArray()})", cancellation);
    }
}
