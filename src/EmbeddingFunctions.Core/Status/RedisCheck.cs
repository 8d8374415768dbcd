using EmbeddingFunctions.Caching;

namespace EmbeddingFunctions.Status;

/// <summary>Whether the configured Redis answers.</summary>
internal sealed class RedisCheck
{
    internal const string Meanwhile = "paid vectors are cached in Postgres meanwhile";

    private readonly ICacheServer? _redis;

    public RedisCheck(ICacheServer? redis) => _redis = redis;

    /// <returns>Null: none is configured.</returns>
    public async Task<RedisStatus?> Status(CancellationToken cancellation)
    {
        if (_redis is null)
        {
            return null;
        }

        var problem = await _redis.Problem(cancellation);
        return new RedisStatus(_redis.Server, problem is null ? null : $"{problem}; {Meanwhile}");
    }
}

/// <param name="Server">Host and port.</param>
/// <param name="Problem">Why it is unavailable, and what is used meanwhile; null: it answers.</param>
public sealed record RedisStatus(string Server, string? Problem);
