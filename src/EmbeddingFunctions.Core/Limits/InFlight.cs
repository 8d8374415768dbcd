namespace EmbeddingFunctions.Limits;

/// <summary>How many requests may be in flight: half as many after the provider said that it is overloaded, one more after each round that went well.</summary>
internal sealed class InFlight(int most, TimeProvider time) : IDisposable
{
    // What was in flight together fails together, and is one sign.
    private static readonly TimeSpan _oneSign = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly int _most = most;
    private readonly SemaphoreSlim _places = new(most);
    private int _allowed = most;
    private int _tooMany;
    private int _well;
    private long? _cutAt;

    /// <summary>At present.</summary>
    public int Allowed
    {
        get
        {
            lock (_lock)
            {
                return _allowed;
            }
        }
    }

    public Task Enter(CancellationToken cancellation) => _places.WaitAsync(cancellation);

    public void Leave()
    {
        lock (_lock)
        {
            GiveBack();
        }
    }

    public void NoteWell()
    {
        lock (_lock)
        {
            if (_allowed < _most && ++_well >= _allowed)
            {
                (_allowed, _well) = (_allowed + 1, 0);
                GiveBack();
            }
        }
    }

    public void NoteOverload()
    {
        lock (_lock)
        {
            if (_cutAt is { } cut && time.GetElapsedTime(cut) < _oneSign)
            {
                return;
            }

            var next = Math.Max(1, _allowed / 2);
            (_tooMany, _allowed, _well, _cutAt) = (_tooMany + _allowed - next, next, 0, time.GetTimestamp());
            while (_tooMany > 0 && _places.Wait(0))
            {
                _tooMany--;
            }
        }
    }

    public void Dispose() => _places.Dispose();

    // Places that were cut while they were taken do not come back when they are left.
    private void GiveBack()
    {
        if (_tooMany > 0)
        {
            _tooMany--;
        }
        else
        {
            _places.Release();
        }
    }
}
