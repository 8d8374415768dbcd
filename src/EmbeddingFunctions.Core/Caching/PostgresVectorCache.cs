using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Caching;

/// <summary>The cache where there is no Redis: a table of bounded size, which a crash of the server may empty.</summary>
internal sealed class PostgresVectorCache(
    NpgsqlDataSource database, CacheKey key, TimeProvider time, int maxEntries = 100_000) : IVectorCache
{
    private static readonly TimeSpan _kept = TimeSpan.FromDays(30);

    // The first of so many stores also clears away what is too old or too much.
    private const int ClearEvery = 100;

    private const string FindEntries =
        """
        SELECT k.place, c.entry
        FROM   unnest($1::bytea[]) WITH ORDINALITY AS k (key, place)
        JOIN   embedding_cache c ON c.key = k.key AND c.expires_at > now()
        """;

    // In the order of the keys, so that two who store the same never wait for each other in a circle.
    private const string StoreEntries =
        """
        INSERT INTO embedding_cache (key, entry, expires_at)
        SELECT key, entry, now() + $3
        FROM   unnest($1::bytea[], $2::bytea[]) AS e (key, entry)
        ORDER  BY key
        ON CONFLICT (key) DO UPDATE SET entry = EXCLUDED.entry, expires_at = EXCLUDED.expires_at
        """;

    private const string Clear =
        """
        DELETE FROM embedding_cache
        WHERE  expires_at <= COALESCE((SELECT expires_at FROM embedding_cache ORDER BY expires_at DESC OFFSET $1 LIMIT 1), now())
        """;

    private const string ForgetEntries = "DELETE FROM embedding_cache WHERE key = ANY ($1)";

    private int _stores;

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
            await using var command = database.CreateCommand(FindEntries);
            command.Parameters.Add(new() { Value = fingerprints.Select(key.Of).ToArray() });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                var fingerprint = fingerprints[(int)reader.GetInt64(0) - 1];
                if (CacheEntry.Read(key, fingerprint, reader.GetFieldValue<byte[]>(1), dimensions, since) is { } vector)
                {
                    found[fingerprint] = vector;
                }
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // A miss: if the database is away, the caller's own statements say so.
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
            await using var command = database.CreateCommand(StoreEntries);
            command.Parameters.Add(new() { Value = vectors.Select(entry => key.Of(entry.Key)).ToArray() });
            command.Parameters.Add(new()
            {
                Value = vectors.Select(entry => CacheEntry.Write(key, entry.Key, entry.Value.Span, time.GetUtcNow())).ToArray(),
            });
            command.Parameters.Add(new() { Value = _kept });
            await command.ExecuteNonQueryAsync();
            if (Interlocked.Increment(ref _stores) % ClearEvery == 1)
            {
                await using var clear = database.CreateCommand(Clear);
                clear.Parameters.Add(new() { Value = maxEntries });
                await clear.ExecuteNonQueryAsync();
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // Not kept: the rows themselves are written next, and tried harder.
        }
    }

    public async Task Forget(IReadOnlyList<string> fingerprints, CancellationToken cancellation)
    {
        if (!await key.Load(cancellation))
        {
            throw new CorpusException(
                "The database does not let this role read embedding_cache_key, so cached vectors cannot be found: GRANT SELECT on it, and "
                    + "say this again.");
        }

        await using var command = database.CreateCommand(ForgetEntries);
        command.Parameters.Add(new() { Value = fingerprints.Select(key.Of).ToArray() });
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
