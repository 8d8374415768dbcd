using EmbeddingFunctions.Redis;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Core.Tests.Storage;

public sealed class RedisConnectionTests
{
    private readonly LogLines<RedisConnection> _log = new();

    [Fact]
    public async Task A_Redis_that_is_not_there_and_then_comes_is_logged_once_each()
    {
        var port = RedisProxy.FreePort();
        using var redis = new RedisConnection($"redis://127.0.0.1:{port}", TimeProvider.System, TimeSpan.FromSeconds(5), log: _log);
        await _log.Wait(1);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(TimeSpan.Zero, await redis.Ask(database => database.PingAsync(), default));
        }

        Assert.NotNull(await redis.Problem(default));
        using var proxy = new RedisProxy(new Uri(TestRedis.Url), port);
        await _log.Wait(2);
        await TestRedis.Connected(redis);

        Assert.Null(await redis.Problem(default));
        Assert.Equal([LogLevel.Warning, LogLevel.Information], _log.Levels);
        Assert.StartsWith($"Redis at 127.0.0.1:{port} is unavailable (", _log.All[0].Line, StringComparison.Ordinal);
        Assert.Contains("paid vectors are cached in Postgres meanwhile", _log.All[0].Line, StringComparison.Ordinal);
        Assert.Equal($"Redis at 127.0.0.1:{port} is back", _log.All[1].Line);
    }

    [Fact]
    public async Task A_Redis_that_hangs_is_logged_once()
    {
        using var proxy = new RedisProxy(new Uri(TestRedis.Url));
        using var redis = new RedisConnection($"redis://127.0.0.1:{proxy.Port}", TimeProvider.System, TimeSpan.FromSeconds(2), log: _log);
        await TestRedis.Connected(redis);
        Assert.Null(await redis.Problem(default));
        Assert.Empty(_log.All);
        proxy.Hang();

        for (var i = 0; i < 3; i++)
        {
            await redis.Ask(database => database.PingAsync(), default);
        }

        Assert.Equal([LogLevel.Warning], _log.Levels);
        Assert.NotNull(await redis.Problem(default));
    }
}
