using EmbeddingFunctions.Redis;

namespace EmbeddingFunctions.Core.Tests;

/// <summary>The real Redis of the tests. It is shared by all of them: use words of your own in it.</summary>
internal static class TestRedis
{
    public static string Url { get; } = Environment.GetEnvironmentVariable("TEST_REDIS_URL")
        ?? throw new InvalidOperationException("TEST_REDIS_URL is not set: run './run test', which provides a server, or set it too.");

    /// <param name="url">Null: its own.</param>
    /// <param name="timeout">Null: enough on a busy machine.</param>
    internal static async Task<RedisConnection> Connect(string? url = null, TimeSpan? timeout = null)
    {
        var redis = new RedisConnection(url ?? Url, TimeProvider.System, timeout ?? TimeSpan.FromSeconds(10));
        await Connected(redis);
        return redis;
    }

    // It connects in the background.
    internal static async Task Connected(RedisConnection redis)
    {
        for (var end = DateTime.UtcNow.AddSeconds(30); redis.IsUnavailable; await Task.Delay(20))
        {
            if (DateTime.UtcNow > end)
            {
                throw new TimeoutException("Redis was not reached.");
            }
        }
    }
}
