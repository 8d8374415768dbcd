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

    private static readonly TimeSpan _stop = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _probe = new(1, 1);
    private readonly Lock _lock = new();
    private bool _proven;
    private DateTimeOffset _pausedUntil;
    private DateTimeOffset _stoppedUntil;
    private ProviderException? _reason;

    /// <summary>Calls the provider when it may be called.</summary>
    /// <exception cref="ProviderException">The call failed, or the provider is stopped or paused for longer than a call should wait.</exception>
    public async Task<T> Call<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        await WaitForPause(cancellation);
        if (IsProven())
        {
            return await Report(call);
        }

        await _probe.WaitAsync(cancellation);
        try
        {
            // The probe before this one may have proven it, or have asked for another pause.
            await WaitForPause(cancellation);
            if (!IsProven())
            {
                return await Report(call);
            }
        }
        finally
        {
            _probe.Release();
        }

        return await Report(call);
    }

    /// <summary>Lets nobody call before then.</summary>
    public void Pause(TimeSpan wait, ProviderException reason)
    {
        lock (_lock)
        {
            var until = time.GetUtcNow() + wait;
            if (until > _pausedUntil)
            {
                (_pausedUntil, _reason) = (until, reason);
            }
        }
    }

    public void Dispose() => _probe.Dispose();

    private bool IsProven()
    {
        lock (_lock)
        {
            return _proven;
        }
    }

    private async Task WaitForPause(CancellationToken cancellation)
    {
        while (Remaining() is { } wait)
        {
            await Task.Delay(wait, time, cancellation);
        }
    }

    private TimeSpan? Remaining()
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (_stoppedUntil > now)
            {
                throw new ProviderException(ProviderFault.Configuration, _reason!.Message);
            }

            var wait = _pausedUntil - now;
            return wait <= TimeSpan.Zero ? null
                : wait <= LongestWait ? wait
                : throw new ProviderException(ProviderFault.Passing, _reason!.Message) { RetryAfter = wait };
        }
    }

    private async Task<T> Report<T>(Func<Task<T>> call)
    {
        try
        {
            var result = await call();
            Note(proven: true, null);
            return result;
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens)
        {
            // It answered: the provider is well.
            Note(proven: true, null);
            throw;
        }
        catch (ProviderException e)
        {
            Note(proven: false, e);
            throw;
        }
    }

    private void Note(bool proven, ProviderException? fault)
    {
        lock (_lock)
        {
            _proven = proven;
            if (fault?.Fault == ProviderFault.Configuration)
            {
                (_stoppedUntil, _reason) = (time.GetUtcNow() + _stop, fault);
            }
        }
    }
}
