using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Status;

/// <summary>Whether the Redis of the settings answers.</summary>
public sealed class RedisCheck
{
    internal const string Meanwhile =
        "paid vectors are cached and limits are shared in Postgres meanwhile, at a quarter of the limits for the first 30 seconds";

    private readonly RedisConnection? _redis;

    internal RedisCheck(RedisConnection? redis) => _redis = redis;

    /// <returns>Null: none is set.</returns>
    public async Task<RedisStanding?> Standing(CancellationToken cancellation)
    {
        if (_redis is null)
        {
            return null;
        }

        var problem = await _redis.Problem(cancellation);
        return new RedisStanding(_redis.Server, problem is null ? null : $"{problem}; {Meanwhile}");
    }
}

/// <param name="Server">Host and port.</param>
/// <param name="Problem">Why it is of no use now, and what is lost meanwhile; null: it answers.</param>
public sealed record RedisStanding(string Server, string? Problem);
