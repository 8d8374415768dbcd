namespace EmbeddingFunctions.Testing;

/// <summary>
/// A strict limit: no span of <paramref name="length"/>, wherever it begins, holds more than <paramref name="limit"/>. Not thread-safe.
/// </summary>
internal sealed class RollingWindow(int limit, TimeSpan length, TimeProvider time)
{
    private readonly Queue<(long At, int Amount)> _entries = new();
    private int _used;
    private long _last;

    public int Limit => limit;

    public int Used
    {
        get
        {
            while (_entries.TryPeek(out var oldest) && time.GetElapsedTime(oldest.At) >= length)
                _used -= _entries.Dequeue().Amount;
            return _used;
        }
    }

    public int Remaining => Math.Max(0, limit - Used);

    /// <summary>How long until the window is empty again.</summary>
    public TimeSpan Reset => Used == 0 ? TimeSpan.Zero : length - time.GetElapsedTime(_last);

    public void Add(int amount)
    {
        _last = time.GetTimestamp();
        _used = Used + amount;
        _entries.Enqueue((_last, amount));
    }

    /// <summary>How long until <paramref name="amount"/> more would fit, if nothing else came; zero if it fits now.</summary>
    public TimeSpan WaitFor(int amount)
    {
        var excess = Used + amount - limit;
        if (excess <= 0)
            return TimeSpan.Zero;
        foreach (var (at, freed) in _entries)
        {
            excess -= freed;
            if (excess <= 0)
                return length - time.GetElapsedTime(at);
        }

        return length;
    }
}
