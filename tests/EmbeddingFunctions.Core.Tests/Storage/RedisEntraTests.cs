using System.Buffers.Text;
using System.Text.Json;
using Azure.Core;
using Azure.Identity;
using EmbeddingFunctions.Redis;
using StackExchange.Redis;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>
/// An Azure Redis knows its users by their identity's id and accepts a token as the password. Here the tokens are the passwords of real
/// users.
/// </summary>
public sealed class RedisEntraTests : IAsyncLifetime
{
    private readonly Identity _identity = new();
    private ConnectionMultiplexer _admin = null!;

    public async Task InitializeAsync()
    {
        var url = new Uri(TestRedis.Url);
        var options = new ConfigurationOptions { EndPoints = { { url.Host, url.Port } }, AllowAdmin = true };
        _admin = await ConnectionMultiplexer.ConnectAsync(options);
    }

    public async Task DisposeAsync()
    {
        foreach (var user in _identity.Users)
        {
            await Server.ExecuteAsync("ACL", "DELUSER", user);
        }

        await _admin.DisposeAsync();
    }

    private IServer Server => _admin.GetServers()[0];

    [Fact]
    public async Task A_token_is_the_password_and_its_identity_the_user()
    {
        await Allow(_identity.Next());
        using var redis = Connect();
        await TestRedis.Connected(redis);

        Assert.Equal(_identity.User, await WhoAmI(redis));
        Assert.Equal(["https://redis.azure.com/.default"], _identity.Scopes.Distinct());
    }

    [Fact]
    public async Task A_new_token_is_used_on_the_open_connection_and_on_the_next_one()
    {
        await Allow(_identity.Next());
        using var redis = Connect();
        await TestRedis.Connected(redis);
        var first = await WhoAmI(redis);

        await Allow(_identity.Next());
        for (var end = DateTime.UtcNow.AddSeconds(30); await WhoAmI(redis) != _identity.User && DateTime.UtcNow < end; await Task.Delay(50))
        {
            // The token is renewed in the background.
        }

        Assert.NotEqual(first, _identity.User);
        Assert.Equal(_identity.User, await WhoAmI(redis));

        // As Azure does when a token has expired: the connection ends, and the old token is worth nothing.
        await Server.ExecuteAsync("ACL", "SETUSER", first!, "off");
        await Server.ExecuteAsync("CLIENT", "KILL", "USER", _identity.User);
        for (var end = DateTime.UtcNow.AddSeconds(30); await WhoAmI(redis) is null && DateTime.UtcNow < end; await Task.Delay(50))
        {
            // It connects again in the background.
        }

        Assert.Equal(_identity.User, await WhoAmI(redis));
    }

    [Fact]
    public async Task Without_an_identity_it_is_away_with_the_reason_until_there_is_one()
    {
        var log = new LogLines<RedisConnection>();
        using var redis = Connect(log);
        await log.Wait(1);

        Assert.Contains("no identity here", log.All[0].Line, StringComparison.Ordinal);
        Assert.Contains("no identity here", await redis.Problem(default), StringComparison.Ordinal);

        await Allow(_identity.Next());
        await TestRedis.Connected(redis);
        Assert.Equal(_identity.User, await WhoAmI(redis));
    }

    [Theory]
    [InlineData("rediss://cache.westeurope.redis.azure.net:10000", true)]
    [InlineData("rediss://id@cache.redis.cache.windows.net:6380", true)]
    [InlineData("rediss://:password@cache.westeurope.redis.azure.net:10000", false)]
    [InlineData("redis://cache.westeurope.redis.azure.net:10000", false)]
    [InlineData("rediss://cache.example:6380", false)]
    [InlineData("rediss://redis.azure.net.example:6380", false)]
    public void Tokens_are_for_Azure_over_tls_where_there_is_no_password(string url, bool isFor) =>
        Assert.Equal(isFor, RedisEntra.For(new Uri(url)) is not null);

    private RedisConnection Connect(LogLines<RedisConnection>? log = null)
    {
        var entra = new RedisEntra(_identity) { RenewEvery = TimeSpan.FromMilliseconds(200) };
        return new RedisConnection(TestRedis.Url, TimeProvider.System, TimeSpan.FromSeconds(10), entra, log);
    }

    private async Task Allow(string token)
    {
        await Server.ExecuteAsync("ACL", "SETUSER", _identity.User, "on", $">{token}", "~*", "&*", "+@all");
        _identity.GiveOut(token);
    }

    private static async Task<string?> WhoAmI(RedisConnection redis) =>
        (await redis.Ask(database => database.ExecuteAsync("ACL", "WHOAMI"), default))?.ToString();

    /// <summary>Entra: tokens that name an identity of this test's, none before the first is asked for.</summary>
    private sealed class Identity : TokenCredential
    {
        private volatile string? _token;

        public List<string> Users { get; } = [];

        public List<string> Scopes { get; } = [];

        public string User => Users[^1];

        /// <summary>Names another identity; its token is given out from <see cref="GiveOut"/> on.</summary>
        public string Next()
        {
            Users.Add($"{Guid.NewGuid()}");
            return $"e30.{Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(new { oid = User }))}.signature";
        }

        public void GiveOut(string token) => _token = token;

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken)
        {
            Scopes.AddRange(requestContext.Scopes);
            return _token is { } token
                ? new AccessToken(token, DateTimeOffset.UtcNow.AddHours(1))
                : throw new AuthenticationFailedException("there is no identity here");
        }

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
            new(GetToken(requestContext, cancellationToken));
    }
}
