using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Redis;

/// <summary>What is logged of Redis: loss and return, once each.</summary>
internal static partial class RedisLog
{
    [LoggerMessage(700, LogLevel.Warning, "Redis at {Server} is unavailable ({Reason}): " + Status.RedisCheck.Meanwhile)]
    public static partial void RedisIsUnavailable(this ILogger logger, string server, string reason);

    [LoggerMessage(701, LogLevel.Information, "Redis at {Server} is back")]
    public static partial void RedisIsBack(this ILogger logger, string server);

    [LoggerMessage(702, LogLevel.Warning, "No new login to Redis at {Server}: {Reason}")]
    public static partial void RedisLoginFails(this ILogger logger, string server, string reason);
}
