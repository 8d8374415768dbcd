using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Caching;

/// <summary>
/// Lets one batch at a time pay for a text, of whatever process: a batch marks what it is about to ask for, and its marks stand for as long
/// as its claims.
/// </summary>
internal sealed class SingleFlight(NpgsqlDataSource database, CacheKey key, DatabaseOutages? outages = null)
{
    private const string Marking = "the marks of texts in flight";

    // Once this number of texts was marked, the marks of batches that are over are deleted.
    private const int ClearEvery = 10_000;

    // In the order of the keys, so that no two wait for each other in a circle.
    private static SqlText Mark(byte[][] keys, Guid token) =>
        $"""
        INSERT INTO embedding.flights (key, token)
        SELECT key, {token} FROM unnest({keys}::bytea[]) AS wanted (key) ORDER BY key
        ON CONFLICT (key) DO NOTHING
        RETURNING key
        """;

    private static SqlText Lock(byte[][] keys) => $"SELECT 1 FROM embedding.flights WHERE key = ANY ({keys}) ORDER BY key FOR UPDATE";

    // A statement of its own, begun with the marks locked: whose claims stand is asked of what is committed by then.
    private static SqlText TakeFree(byte[][] keys, Guid token) =>
        $"""
        UPDATE embedding.flights f
        SET    token = {token}
        WHERE  key = ANY ({keys})
        AND    (token = {token} OR NOT EXISTS (SELECT FROM embedding.claims c WHERE c.token = f.token AND c.leased_until > now()))
        RETURNING key
        """;

    // A mark that another batch has taken over since is not cleared: its token is another.
    private static SqlText Clear =>
        $"""
        WITH over AS MATERIALIZED (
            SELECT key, token FROM embedding.flights f
            WHERE  NOT EXISTS (SELECT FROM embedding.claims c WHERE c.token = f.token)
        )
        DELETE FROM embedding.flights
        WHERE  key IN (
            SELECT f.key FROM embedding.flights f JOIN over o ON o.key = f.key AND o.token = f.token
            ORDER  BY f.key
            FOR    UPDATE OF f SKIP LOCKED)
        """;

    private int _sinceCleared = ClearEvery;

    /// <summary>Marks texts as one batch's own to pay for, except those that another batch is paying for now.</summary>
    /// <param name="fingerprints">Of the texts, no two alike.</param>
    /// <param name="token">Of the batch's claims.</param>
    /// <param name="cancellation">Cancels the query.</param>
    /// <returns>The batch's own; all, if the database cannot be asked.</returns>
    public async Task<IReadOnlySet<string>> Take(IReadOnlyList<string> fingerprints, Guid token, CancellationToken cancellation)
    {
        if (!await key.Load(cancellation))
        {
            return fingerprints.ToHashSet();
        }

        var keys = fingerprints.ToDictionary(fingerprint => Convert.ToHexString(key.Of(fingerprint)));
        try
        {
            var own = await database.QueryAsync(Mark(Bytes(keys.Keys), token), Key, cancellation);
            var marked = Bytes(keys.Keys.Except(own));
            if (marked.Length > 0)
            {
                await database.ReadAsync([Lock(marked), TakeFree(marked, token)], cancellation, _ => { }, row => own.Add(Key(row)));
            }

            outages?.Answered(Marking);
            await ClearNowAndThen(keys.Count, cancellation);
            return own.Select(mark => keys[mark]).ToHashSet();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // Paying twice is better than not at all.
            outages?.Failed(Marking, e);
            return keys.Values.ToHashSet();
        }
    }

    private static string Key(NpgsqlDataReader row) => Convert.ToHexString(row.GetFieldValue<byte[]>(0));

    private static byte[][] Bytes(IEnumerable<string> keys) => keys.Select(Convert.FromHexString).ToArray();

    private async Task ClearNowAndThen(int marked, CancellationToken cancellation)
    {
        if (Interlocked.Add(ref _sinceCleared, marked) < ClearEvery)
        {
            return;
        }

        Interlocked.Exchange(ref _sinceCleared, 0);

        try
        {
            await database.ExecuteAsync(Clear, cancellation);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // The next one will.
            outages?.Failed(Marking, e);
        }
    }
}
