using EmbeddingFunctions;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Redis;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds a cache of paid vectors in Redis.</summary>
public static class RedisServices
{
    /// <summary>
    /// Keeps paid vectors in Redis, which all processes share, and in Postgres while Redis is unavailable. A model in this process needs no
    /// cache and gets none.
    /// </summary>
    /// <param name="builder">From AddEmbeddings.</param>
    /// <param name="url">
    /// Such as <c>redis://:password@host:6379/0</c>; <c>rediss</c> for TLS. An Azure Redis without a password is asked with an Entra token.
    /// </param>
    public static EmbeddingsBuilder AddRedisCache(this EmbeddingsBuilder builder, string url)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(url);
        builder.Services.AddRedisCache(url);
        return builder;
    }

    internal static IServiceCollection AddRedisCache(this IServiceCollection services, string url) => services
        .AddSingleton(s => new RedisConnection(url, s.Time(), log: s.GetRequiredService<ILogger<RedisConnection>>()))
        .AddSingleton<ICacheServer>(s => s.GetRequiredService<RedisConnection>())
        .Replace(ServiceDescriptor.Singleton<IVectorCache>(s => s.GetRequiredService<EmbeddingSettings>().IsRemote
            ? new RedisVectorCache(
                s.GetRequiredService<RedisConnection>(), s.GetRequiredService<CacheKey>(), s.GetRequiredService<PostgresVectorCache>(),
                s.Time())
            : new NoVectorCache()));
}
