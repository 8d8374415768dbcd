using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.Limits;

/// <summary>
/// What this process knows of the provider's health. Until a first call has succeeded, and after every fault, one caller at
/// a time may try: a wrong key costs one request however many batches wait, and a pause ends with one probe, not a storm.
/// </summary>
internal sealed class ProviderGate(TimeProvider time) : IDisposable
{
    /// <summary>Longer waits are the run's, as a timer that holds nothing.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    /// <summary>How long a provider is left alone that fails again and again and does not say how long it wants.</summary>
    public static readonly TimeSpan StandardPause = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan _stop = TimeSpan.FromMinutes(5);

    // Until whoever failed has decided how long to wait, the next in the queue must not get through.
    private static readonly TimeSpan _breath = TimeSpan.FromMilliseconds(250);

    private readonly SemaphoreSlim _probe = new(1, 1);
    private readonly Lock _lock = new();
    private bool _proven;
    private int _faults;
    private Closure? _pause;
    private Closure? _halt;

    /// <summary>Why nobody may call now and no wait will help by itself: a fault of key, quota or model; else null.</summary>
    public string? StoppedBecause
    {
        get
        {
            lock (_lock)
            {
                return _halt is { } halt && halt.Until > time.GetUtcNow() ? halt.Reason : null;
            }
        }
    }

    /// <summary>Calls the provider when it may be called.</summary>
    /// <param name="room">Waits for what else the call needs, and is waited for anew if the provider was found unwell meanwhile.</param>
    /// <param name="call">The call.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="ProviderException">The call failed, or the provider is stopped or paused for longer than a call should wait.</exception>
    public async Task<T> Call<T>(Func<Task> room, Func<Task<T>> call, CancellationToken cancellation)
    {
        while (true)
        {
            var isProbe = await QueueForProbe(cancellation);
            try
            {
                await WaitForPause(cancellation);
                await room();
                if (MayCall(isProbe))
                {
                    return await Report(call);
                }
            }
            finally
            {
                if (isProbe)
                {
                    _probe.Release();
                }
            }
        }
    }

    /// <summary>Lets nobody call before then.</summary>
    public void Pause(TimeSpan wait, ProviderException reason)
    {
        lock (_lock)
        {
            _pause = Later(_pause, new Closure(time.GetUtcNow() + wait, reason.Message));
        }
    }

    public void Dispose() => _probe.Dispose();

    /// <returns>Whether the caller is the one that tries for all; false: the provider is well.</returns>
    private async Task<bool> QueueForProbe(CancellationToken cancellation)
    {
        await WaitForPause(cancellation);
        if (IsProven())
        {
            return false;
        }

        await _probe.WaitAsync(cancellation);
        if (!IsProven())
        {
            return true;
        }

        _probe.Release();
        return false;
    }

    private bool IsProven()
    {
        lock (_lock)
        {
            return _proven;
        }
    }

    private bool MayCall(bool isProbe)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            return (isProbe || _proven) && !(_pause?.Until > now) && !(_halt?.Until > now);
        }
    }

    private async Task WaitForPause(CancellationToken cancellation)
    {
        while (Remaining() is { } wait)
        {
            // Delays are cut to whole milliseconds: without one more the rest would be spent spinning.
            await Task.Delay(wait + TimeSpan.FromMilliseconds(1), time, cancellation);
        }
    }

    private TimeSpan? Remaining()
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (_halt is { } halt && halt.Until > now)
            {
                throw new ProviderException(ProviderFault.Configuration, halt.Reason);
            }

            return _pause is not { } pause || pause.Until <= now ? null
                : pause.Until - now <= LongestWait ? pause.Until - now
                : throw new ProviderException(ProviderFault.Passing, pause.Reason) { RetryAfter = pause.Until - now };
        }
    }

    private async Task<T> Report<T>(Func<Task<T>> call)
    {
        var faults = Faults();
        try
        {
            var result = await call();
            NoteWell(faults);
            return result;
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens)
        {
            // It answered: the provider is well.
            NoteWell(faults);
            throw;
        }
        catch (ProviderException e)
        {
            NoteFault(e);
            throw;
        }
    }

    private int Faults()
    {
        lock (_lock)
        {
            return _faults;
        }
    }

    // A call that was sent before the last fault proves nothing about the time after it.
    private void NoteWell(int faultsBefore)
    {
        lock (_lock)
        {
            _proven |= faultsBefore == _faults;
        }
    }

    private void NoteFault(ProviderException fault)
    {
        lock (_lock)
        {
            _proven = false;
            _faults++;
            var now = time.GetUtcNow();
            if (fault.Fault == ProviderFault.Configuration)
            {
                _halt = Later(_halt, new Closure(now + _stop, fault.Message));
            }
            else
            {
                _pause = Later(_pause, new Closure(now + (fault.RetryAfter ?? _breath), fault.Message));
            }
        }
    }

    private static Closure Later(Closure? known, Closure next) => known is null || next.Until > known.Until ? next : known;

    private sealed record Closure(DateTimeOffset Until, string Reason);
}
