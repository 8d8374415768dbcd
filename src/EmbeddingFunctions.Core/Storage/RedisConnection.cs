using StackExchange.Redis;

namespace EmbeddingFunctions.Storage;

/// <summary>Redis when it is there. It is connected to in the background, and left alone for a while after it failed, so that an outage costs one short wait.</summary>
internal sealed class RedisConnection : IDisposable
{
    /// <summary>No command is waited for longer, unless said otherwise.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly Task<ConnectionMultiplexer> _connecting;
    private readonly Task _firstChance;
    private readonly CoolOff _coolOff;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;
    private long? _awaySince;

    /// <param name="url">Such as redis://:password@host:6379/0; rediss for TLS.</param>
    /// <param name="time">Tells when to try again.</param>
    /// <param name="patience">How long a command is waited for; null: <see cref="Patience"/>.</param>
    public RedisConnection(string url, TimeProvider time, TimeSpan? patience = null)
    {
        (_patience, _time) = (patience ?? Patience, time);
        _coolOff = new CoolOff(time);
        _connecting = Task.Run(() => ConnectionMultiplexer.ConnectAsync(Options(new Uri(url))));
        _firstChance = Task.WhenAny(_connecting, Task.Delay(_patience, time));
    }

    /// <summary>Whether it cannot be asked now.</summary>
    public bool IsAway => !_connecting.IsCompletedSuccessfully || !_connecting.Result.IsConnected || _coolOff.IsOn;

    /// <summary>For how long it has not been of use, see <see cref="IsOfUse"/>.</summary>
    public TimeSpan AwayFor => _awaySince is { } since ? _time.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>It has taken a write: answers alone are no sign, as a full or demoted server still gives them.</summary>
    public void IsOfUse() => _awaySince = null;

    /// <returns>The command's answer, or the default if Redis is away or does not answer in time.</returns>
    public async Task<T?> Ask<T>(Func<IDatabase, Task<T>> command, CancellationToken cancellation)
    {
        await _firstChance;
        if (IsAway)
        {
            _awaySince ??= _time.GetTimestamp();
            return default;
        }

        try
        {
            return await command(_connecting.Result.GetDatabase()).WaitAsync(_patience, cancellation);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            _awaySince ??= _time.GetTimestamp();
            _coolOff.Begin();
            return default;
        }
    }

    public void Dispose()
    {
        if (_connecting.IsCompletedSuccessfully)
        {
            _connecting.Result.Dispose();
        }
    }

    private static ConfigurationOptions Options(Uri url)
    {
        var credentials = url.UserInfo.Split(':', 2);
        return new ConfigurationOptions
        {
            EndPoints = { { url.Host, Port(url) } },
            User = credentials[0].Length > 0 ? Uri.UnescapeDataString(credentials[0]) : null,
            Password = credentials.Length > 1 ? Uri.UnescapeDataString(credentials[1]) : null,
            Ssl = url.Scheme == "rediss",
            DefaultDatabase = int.TryParse(url.AbsolutePath.Trim('/'), out var number) ? number : null,
            AbortOnConnectFail = false,
            ConnectTimeout = 2_000,
            ClientName = "embeddings",
        };
    }

    private static int Port(Uri url) => url.Port > 0 ? url.Port : 6_379;
}
