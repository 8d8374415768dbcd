namespace EmbeddingFunctions.Limits;

/// <summary>
/// So many units a minute, spread evenly: over any 60 seconds never more than the limit, because a provider may count its
/// minute from any moment, and nothing saved up in a pause, because it may count by the second.
/// </summary>
/// <remarks>Not for several threads at once: whoever draws on two budgets must do so under one lock.</remarks>
internal sealed class RateBudget(int perMinute, TimeProvider time)
{
    // The provider counts what arrives: one request may have been slow on its way and the sixtieth second's quick.
    private static readonly TimeSpan _window = TimeSpan.FromSeconds(61.5);

    private readonly double _ticksPerUnit = _window.Ticks / (double)perMinute;
    private readonly Queue<RateSlot> _recent = new();
    private TimeSpan _free;
    private TimeSpan _last;
    private long _used;

    /// <summary>The clock of all budgets.</summary>
    public TimeSpan Now => time.GetElapsedTime(0);

    /// <returns>When so many units may go. More than a whole minute's go alone.</returns>
    public TimeSpan Earliest(int units)
    {
        var at = Max(Now, _free);
        var used = _used;
        foreach (var slot in _recent)
        {
            if (slot.At + _window > at)
            {
                if (used + units <= perMinute)
                {
                    break;
                }

                at = slot.At + _window;
            }

            used -= slot.Units;
        }

        return at;
    }

    /// <summary>Takes units for then, which is no earlier than <see cref="Earliest"/> and than any time taken before.</summary>
    public RateSlot Take(int units, TimeSpan at)
    {
        while (_recent.TryPeek(out var oldest) && oldest.At + _window <= at)
        {
            _used -= _recent.Dequeue().Units;
        }

        var slot = new RateSlot { At = at, Units = units };
        _recent.Enqueue(slot);
        _used += units;
        (_last, _free) = (at, at + Span(units));
        return slot;
    }

    /// <summary>Gives back what was taken too much, or takes what was taken too little.</summary>
    public void Correct(RateSlot slot, int used)
    {
        var more = used - slot.Units;
        slot.Units = used;
        // What is out of the window counts no longer.
        _used += _recent.TryPeek(out var oldest) && oldest.At <= slot.At ? more : 0;
        _free = Max(_last, _free + Span(more));
    }

    private TimeSpan Span(int units) => TimeSpan.FromTicks((long)(units * _ticksPerUnit));

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}

/// <summary>Units taken from a budget, for a moment on its clock.</summary>
internal sealed class RateSlot
{
    public required TimeSpan At { get; init; }

    public required int Units { get; set; }
}
