using Azure.Identity;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace EmbeddingFunctions.Redis;

/// <summary>
/// Redis, if it is available. The connection is made in the background and skipped for a while after a failure, so that an outage costs one
/// short wait. Loss and return are logged once each.
/// </summary>
internal sealed class RedisConnection : ICacheServer, IDisposable
{
    /// <summary>Of a command, by default.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromMilliseconds(250);

    private const string NotReached = "it cannot be reached, or does not let this process in";

    private static readonly TimeSpan _connectTimeout = TimeSpan.FromSeconds(2);

    private readonly Uri _url;
    private readonly RedisEntra? _entra;
    private readonly Task<ConnectionMultiplexer> _connecting;
    private readonly Task _firstChance;
    private readonly Cooldown _cooldown;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private volatile bool _isClosed;
    private string? _reason;

    /// <param name="url">Such as redis://:password@host:6379/0; rediss for TLS.</param>
    /// <param name="time">Of the cooldown.</param>
    /// <param name="timeout">Of a command; null: <see cref="DefaultTimeout"/>.</param>
    /// <param name="entra">Null: as <see cref="RedisEntra.For"/> has it.</param>
    /// <param name="log">Null: nothing is logged.</param>
    public RedisConnection(
        string url, TimeProvider time, TimeSpan? timeout = null, RedisEntra? entra = null, ILogger<RedisConnection>? log = null)
    {
        (_url, _timeout, _time, _log) = (new Uri(url), timeout ?? DefaultTimeout, time, log ?? NullLogger<RedisConnection>.Instance);
        _entra = entra ?? RedisEntra.For(_url);
        _cooldown = new Cooldown(time);
        var closing = _closing.Token;
        _connecting = Task.Run(() => Connect(closing));
        _firstChance = Task.WhenAny(_connecting, Task.Delay(_timeout, time));
    }

    /// <summary>Host and port, without user or password.</summary>
    public string Server => $"{_url.Host}:{Port}";

    public bool IsUnavailable => !_connecting.IsCompletedSuccessfully || !_connecting.Result.IsConnected || _cooldown.IsActive;

    private int Port => _url.Port > 0 ? _url.Port : 6_379;

    /// <summary>Redis accepted a write. Replies to reads prove nothing, as a full or demoted server still gives them.</summary>
    public void ReportUsed()
    {
        lock (_lock)
        {
            if (_reason is not null)
            {
                _reason = null;
                _log.RedisIsBack(Server);
            }
        }
    }

    /// <returns>The reply to the command; the default if Redis is unavailable or does not reply in time.</returns>
    public async Task<T?> Ask<T>(Func<IDatabase, Task<T>> command, CancellationToken cancellation)
    {
        await _firstChance;
        if (IsUnavailable)
        {
            // A short command would end before the first attempt to connect does.
            ReportUnavailable(NotReached);
            return default;
        }

        try
        {
            return await command(_connecting.Result.GetDatabase()).WaitAsync(_timeout, cancellation);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            _cooldown.Start();
            ReportUnavailable(Reason(e));
            return default;
        }
    }

    /// <summary>Asks Redis even during a cooldown: for reports, which can wait a little.</summary>
    /// <returns>Why it is unavailable; null: it replies.</returns>
    public async Task<string?> Problem(CancellationToken cancellation)
    {
        try
        {
            var redis = await _connecting.WaitAsync(_connectTimeout * 2, _time, cancellation);
            if (!redis.IsConnected)
            {
                return _reason ?? NotReached;
            }

            await redis.GetDatabase().PingAsync().WaitAsync(_connectTimeout, _time, cancellation);
            return null;
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            return _reason ?? NotReached;
        }
    }

    public void Dispose()
    {
        // Registered under two types, it is disposed of twice.
        if (_isClosed)
        {
            return;
        }

        _isClosed = true;
        _closing.Cancel();
        _closing.Dispose();
        if (_connecting.IsCompletedSuccessfully)
        {
            _connecting.Result.Dispose();
        }
    }

    private async Task<ConnectionMultiplexer> Connect(CancellationToken closing)
    {
        var options = Options();
        if (_entra is not null)
        {
            await FirstToken(_entra, closing);
            options.Defaults = _entra;
        }

        var redis = await ConnectionMultiplexer.ConnectAsync(options);
        redis.ConnectionFailed += (_, failed) => ReportUnavailable($"the connection failed ({failed.FailureType})");
        redis.ConnectionRestored += (_, _) => ReportUsed();
        if (!redis.IsConnected)
        {
            ReportUnavailable(NotReached);
        }

        if (_entra is not null)
        {
            _ = KeepLoggedIn(redis, _entra, closing);
        }

        return redis;
    }

    private async Task FirstToken(RedisEntra entra, CancellationToken closing)
    {
        while (true)
        {
            try
            {
                await entra.Renew(closing);
                return;
            }
            catch (AuthenticationFailedException e)
            {
                ReportUnavailable(e.Message);
                await Task.Delay(entra.RenewEvery, _time, closing);
            }
        }
    }

    private async Task KeepLoggedIn(ConnectionMultiplexer redis, RedisEntra entra, CancellationToken closing)
    {
        using var timer = new PeriodicTimer(entra.RenewEvery, _time);
        while (!closing.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(closing);
                if (await entra.Renew(closing))
                {
                    await entra.LogIn(redis);
                }
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The old token may last until the next try; if it does not, the connection ends, and the next one uses the newest token.
                _log.RedisLoginFails(Server, e is AuthenticationFailedException ? e.Message : Reason(e));
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private string Reason(Exception e) => e switch
    {
        RedisServerException => e.Message,
        RedisConnectionException { FailureType: var type } => $"the connection failed ({type})",
        _ => $"it did not answer within {_timeout.TotalMilliseconds:0} ms",
    };

    private void ReportUnavailable(string why)
    {
        lock (_lock)
        {
            if (_reason is null && !_isClosed)
            {
                _log.RedisIsUnavailable(Server, _reason = why);
            }
        }
    }

    private ConfigurationOptions Options()
    {
        var credentials = _url.UserInfo.Split(':', 2);
        return new ConfigurationOptions
        {
            EndPoints = { { _url.Host, Port } },
            User = _entra is null && credentials[0].Length > 0 ? Uri.UnescapeDataString(credentials[0]) : null,
            Password = credentials.Length > 1 ? Uri.UnescapeDataString(credentials[1]) : null,
            Ssl = _url.Scheme == "rediss",
            DefaultDatabase = int.TryParse(_url.AbsolutePath.Trim('/'), out var number) ? number : null,
            AbortOnConnectFail = false,
            ConnectTimeout = (int)_connectTimeout.TotalMilliseconds,
            ClientName = "embeddings",
        };
    }
}
