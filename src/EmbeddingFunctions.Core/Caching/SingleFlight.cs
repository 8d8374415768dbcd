using Npgsql;

namespace EmbeddingFunctions.Caching;

/// <summary>Lets one batch at a time pay for a text, of whatever process: a batch marks what it is about to ask for, and its marks stand for as long as its claims.</summary>
internal sealed class SingleFlight(NpgsqlDataSource database, CacheKey key)
{
    // The first of so many times also clears away the marks of batches that are over.
    private const int ClearEvery = 200;

    // In the order of the keys, so that no two wait for each other in a circle.
    private const string TakeFree =
        """
        INSERT INTO embedding_flights AS f (key, token)
        SELECT key, $2 FROM unnest($1::bytea[]) AS wanted (key) ORDER BY key
        ON CONFLICT (key) DO UPDATE SET token = EXCLUDED.token
        WHERE  f.token = EXCLUDED.token
        OR     NOT EXISTS (SELECT FROM embedding_claims c WHERE c.token = f.token AND c.leased_until > now())
        RETURNING f.key
        """;

    private const string Clear =
        """
        DELETE FROM embedding_flights
        WHERE  key IN (
            SELECT f.key FROM embedding_flights f
            WHERE  NOT EXISTS (SELECT FROM embedding_claims c WHERE c.token = f.token)
            ORDER  BY f.key
            FOR    UPDATE SKIP LOCKED)
        """;

    private int _takes;

    /// <summary>Marks texts as one batch's own to pay for, except those that another batch is paying for now.</summary>
    /// <param name="fingerprints">Of the texts, no two alike.</param>
    /// <param name="token">Of the batch's claims.</param>
    /// <param name="cancellation">Ends the asking.</param>
    /// <returns>The batch's own; all, if the database cannot be asked.</returns>
    public async Task<IReadOnlySet<string>> Take(IReadOnlyList<string> fingerprints, Guid token, CancellationToken cancellation)
    {
        var keys = fingerprints.ToDictionary(fingerprint => Convert.ToHexString(key.Of(fingerprint)));
        try
        {
            await using var command = database.CreateCommand(TakeFree);
            command.Parameters.Add(new() { Value = keys.Keys.Select(Convert.FromHexString).ToArray() });
            command.Parameters.Add(new() { Value = token });
            var own = new HashSet<string>();
            await using (var reader = await command.ExecuteReaderAsync(cancellation))
            {
                while (await reader.ReadAsync(cancellation))
                {
                    own.Add(keys[Convert.ToHexString(reader.GetFieldValue<byte[]>(0))]);
                }
            }

            await ClearNowAndThen(cancellation);
            return own;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // Paying twice is better than not at all.
            return keys.Values.ToHashSet();
        }
    }

    private async Task ClearNowAndThen(CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _takes) % ClearEvery != 1)
        {
            return;
        }

        try
        {
            await using var clear = database.CreateCommand(Clear);
            await clear.ExecuteNonQueryAsync(cancellation);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            // The next one will.
        }
    }
}
