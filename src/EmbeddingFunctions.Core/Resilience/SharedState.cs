using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Resilience;

/// <summary>
/// One model's limiter state, shared by all processes and changed by compare-and-swap; the callers of this process take turns. While the
/// store is unavailable, the process continues alone from the last state it saw, with a quarter of the limits.
/// </summary>
/// <param name="name">Of provider and model.</param>
/// <param name="store">Shared by all processes.</param>
/// <param name="time">Measures the time since the store's clock was read.</param>
/// <param name="log">Loss and return of the store.</param>
internal sealed class SharedState(string name, ILimiterStore store, TimeProvider time, ILogger log) : IDisposable
{
    private const double ShareAlone = 0.25;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private Snapshot? _stored;
    private Snapshot? _last;
    private bool _isAlone;

    /// <summary>The last state seen, the store's time, and how long ago that was.</summary>
    public (LimiterState State, DateTimeOffset Now, TimeSpan Age)? LastSeen =>
        Volatile.Read(ref _last) is { } last ? (last.State, Now(last), time.GetElapsedTime(last.At)) : null;

    /// <param name="read">Gets the state and the store's time.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public Task<T> Read<T>(Func<LimiterState, DateTimeOffset, T> read, CancellationToken cancellation) =>
        Change((state, _, now) => (state, read(state, now)), cancellation);

    /// <summary>Changes the state even if the caller is cancelled.</summary>
    public Task Record(Func<LimiterState, DateTimeOffset, LimiterState> next) =>
        Change((state, _, now) => (next(state, now), true), CancellationToken.None);

    /// <param name="change">Gets the state, the share of the limits to use, and the store's time. It may be called more than once.</param>
    /// <param name="cancellation">Ends the waiting for other callers, not the change itself, whose result must be known.</param>
    public async Task<T> Change<T>(Func<LimiterState, double, DateTimeOffset, (LimiterState, T)> change, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            return await TryChangeStored(change) is (true, var result) ? result! : ChangeAlone(change);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    // The state seen last is usually still there: one round trip. If not, the exchange returns the new one.
    private async Task<(bool IsDone, T? Result)> TryChangeStored<T>(Func<LimiterState, double, DateTimeOffset, (LimiterState, T)> change)
    {
        var isCurrent = _stored is null;
        var seen = _stored ?? Parse(await store.Read(name));
        _stored = null;
        while (seen is not null)
        {
            var (next, result) = change(seen.State, 1, Now(seen));
            if (next != seen.State)
            {
                var text = JsonSerializer.Serialize(next, _json);
                var stored = await store.Exchange(name, seen.Text, text);
                if (stored?.IsExchanged == true)
                {
                    Remember(new Snapshot(text, next, stored.Now, time.GetTimestamp()));
                    return (true, result);
                }

                seen = Parse(stored);
            }
            else if (isCurrent)
            {
                Remember(seen);
                return (true, result);
            }
            else
            {
                seen = Parse(await store.Read(name));
            }

            isCurrent = true;
        }

        return default;
    }

    private T ChangeAlone<T>(Func<LimiterState, double, DateTimeOffset, (LimiterState, T)> change)
    {
        // A store that was never reached, such as a database before its migration, is reported by the work that needs it.
        if (!_isAlone && _last is not null)
        {
            log.LimiterStoreIsLost(name);
        }

        var last = _last ?? new Snapshot(null, new LimiterState(), time.GetUtcNow(), time.GetTimestamp());
        var now = Now(last);
        var (next, result) = change(last.State, ShareAlone, now);
        _isAlone = true;
        Volatile.Write(ref _last, new Snapshot(null, next, now, time.GetTimestamp()));
        return result;
    }

    private void Remember(Snapshot seen)
    {
        if (_isAlone)
        {
            _isAlone = false;
            log.LimiterStoreIsBack(name);
        }

        _stored = seen;
        Volatile.Write(ref _last, seen);
    }

    private DateTimeOffset Now(Snapshot seen) => seen.Now + time.GetElapsedTime(seen.At);

    private Snapshot? Parse(StoredState? stored) => stored is null ? null
        : new Snapshot(stored.State, Parse(stored.State), stored.Now, time.GetTimestamp());

    // An unreadable state is replaced: a probe finds out about the provider again.
    private LimiterState Parse(string? state)
    {
        try
        {
            return state is null ? new LimiterState() : JsonSerializer.Deserialize<LimiterState>(state, _json) ?? new LimiterState();
        }
        catch (JsonException e)
        {
            log.LimiterStateIsUnreadable(name, e.Message);
            return new LimiterState();
        }
    }

    private sealed record Snapshot(string? Text, LimiterState State, DateTimeOffset Now, long At);
}
