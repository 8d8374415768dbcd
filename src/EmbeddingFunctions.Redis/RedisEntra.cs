using System.Buffers.Text;
using System.Text.Json;
using Azure.Core;
using Azure.Identity;
using StackExchange.Redis;
using StackExchange.Redis.Configuration;

namespace EmbeddingFunctions.Redis;

/// <summary>Logs in to an Azure Redis with an Entra token in place of a password. New connections use the newest token.</summary>
/// <param name="credential">Keeps a token until shortly before it expires.</param>
/// <param name="user">From the address; null: the identity that the token is of.</param>
internal sealed class RedisEntra(TokenCredential credential, string? user = null) : AzureManagedRedisOptionsProvider
{
    private static readonly string[] _azureServers = [".redis.azure.net", ".redis.cache.windows.net"];

    private static readonly TokenRequestContext _scope = new(["https://redis.azure.com/.default"]);

    private volatile Login? _login;

    /// <summary>How often the credential is asked whether there is a newer token.</summary>
    public TimeSpan RenewEvery { get; init; } = TimeSpan.FromMinutes(1);

    public override string? User => _login?.User;

    public override string? Password => _login?.Token;

    /// <returns>Null: the address has a password, or is not Azure's over TLS.</returns>
    public static RedisEntra? For(Uri url) =>
        url.Scheme == "rediss" && !url.UserInfo.Contains(':', StringComparison.Ordinal)
        && _azureServers.Any(server => url.Host.EndsWith(server, StringComparison.OrdinalIgnoreCase))
            ? new RedisEntra(new DefaultAzureCredential(), url.UserInfo.Length > 0 ? Uri.UnescapeDataString(url.UserInfo) : null)
            : null;

    /// <returns>Whether there is another token than before.</returns>
    /// <exception cref="AuthenticationFailedException">There is no identity that could log in.</exception>
    public async Task<bool> Renew(CancellationToken cancellation)
    {
        var token = (await credential.GetTokenAsync(_scope, cancellation)).Token;
        if (token == _login?.Token)
        {
            return false;
        }

        _login = new Login(user ?? IdentityOf(token), token);
        return true;
    }

    /// <summary>Logs in again on the connections that are open: Azure ends those whose token has expired.</summary>
    public async Task LogIn(IConnectionMultiplexer redis)
    {
        foreach (var server in redis.GetServers().Where(server => server.IsConnected))
        {
            await server.ExecuteAsync("AUTH", _login!.User, _login.Token);
        }
    }

    // Azure's Redis knows its users by the object id of their identity.
    private static string IdentityOf(string token)
    {
        try
        {
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]));
            return claims.RootElement.GetProperty("oid").GetString()!;
        }
        catch (Exception e) when (e is FormatException or JsonException or KeyNotFoundException or InvalidOperationException
            or IndexOutOfRangeException)
        {
            throw new AuthenticationFailedException(
                "The Entra token for Redis names no identity: put the identity's object id into REDIS_URL, like rediss://ID@host:10000.");
        }
    }

    private sealed record Login(string User, string Token);
}
