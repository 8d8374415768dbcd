using StackExchange.Redis;

namespace EmbeddingFunctions.Faults.Harness;

/// <summary>One numbered database of the tests' Redis, so that emptying it concerns no other test.</summary>
internal sealed class OwnRedis(int database)
{
    private static readonly Uri _server = new(Environment.GetEnvironmentVariable("TEST_REDIS_URL")
        ?? throw new InvalidOperationException("TEST_REDIS_URL is not set: run './run test', which provides a server, or set it too."));

    public static string Host => _server.Host;

    public static int Port => _server.Port;

    public string UrlAt(string authority) => $"redis://{authority}/{database}";

    public async Task Clear()
    {
        var options = new ConfigurationOptions { EndPoints = { { _server.Host, _server.Port } }, AllowAdmin = true };
        await using var connection = await ConnectionMultiplexer.ConnectAsync(options);
        await connection.GetServers()[0].FlushDatabaseAsync(database);
    }
}
