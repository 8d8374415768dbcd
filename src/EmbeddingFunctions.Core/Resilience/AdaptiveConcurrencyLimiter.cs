namespace EmbeddingFunctions.Resilience;

/// <summary>
/// Limits the requests in flight of this process by additive increase and multiplicative decrease: half as many after the provider reported
/// an overload, one more after each round of successes.
/// </summary>
internal sealed class AdaptiveConcurrencyLimiter(int most, TimeProvider time) : IDisposable
{
    // Requests in flight together fail together: one sign of overload.
    private static readonly TimeSpan _sameOverload = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly int _most = most;
    private readonly SemaphoreSlim _free = new(most);
    private int _limit = most;
    private int _excess;
    private int _successes;
    private long? _reducedAt;

    /// <summary>How many requests may be in flight now.</summary>
    public int Limit
    {
        get
        {
            lock (_lock)
            {
                return _limit;
            }
        }
    }

    public Task Enter(CancellationToken cancellation) => _free.WaitAsync(cancellation);

    public void Leave()
    {
        lock (_lock)
        {
            Free();
        }
    }

    public void RecordSuccess()
    {
        lock (_lock)
        {
            if (_limit < _most && ++_successes >= _limit)
            {
                (_limit, _successes) = (_limit + 1, 0);
                Free();
            }
        }
    }

    public void RecordOverload()
    {
        lock (_lock)
        {
            if (_reducedAt is { } reduced && time.GetElapsedTime(reduced) < _sameOverload)
            {
                return;
            }

            var next = Math.Max(1, _limit / 2);
            (_excess, _limit, _successes, _reducedAt) = (_excess + _limit - next, next, 0, time.GetTimestamp());
            while (_excess > 0 && _free.Wait(0))
            {
                _excess--;
            }
        }
    }

    public void Dispose() => _free.Dispose();

    // What was cut while requests were in flight is made up for as they leave.
    private void Free()
    {
        if (_excess > 0)
        {
            _excess--;
        }
        else
        {
            _free.Release();
        }
    }
}
