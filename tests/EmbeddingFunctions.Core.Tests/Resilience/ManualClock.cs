namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>A clock that moves when told to, and rings its timers on the way.</summary>
internal sealed class ManualClock : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Timers that have not rung yet.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _timers.Count;
            }
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    public void Advance(TimeSpan time)
    {
        var end = GetUtcNow() + time;
        while (Next() is { } due && due <= end)
        {
            RingNext();
        }

        lock (_lock)
        {
            _now = end;
        }
    }

    /// <summary>Moves to the moment at which the next timer is due, and rings it.</summary>
    public void RingNext()
    {
        Timer next;
        lock (_lock)
        {
            next = _timers.MinBy(timer => timer.Due)!;
            _now = next.Due > _now ? next.Due : _now;
            next.Due += next.Period;
            if (next.Period <= TimeSpan.Zero)
            {
                _timers.Remove(next);
            }
        }

        next.Ring();
    }

    /// <summary>Lets time pass, timer by timer, until the task is done.</summary>
    /// <param name="task">What the time is for.</param>
    public async Task Drive(Task task)
    {
        for (var idle = 0; !task.IsCompleted;)
        {
            idle = Waiting > 0 ? idle + 1 : 0;
            // Several looks, because a timer that has rung may set the next one a moment later.
            if (idle > 3)
            {
                RingNext();
                idle = 0;
            }

            await Task.Yield();
        }

        await task;
    }

    private DateTimeOffset? Next()
    {
        lock (_lock)
        {
            return _timers.Count == 0 ? null : _timers.Min(timer => timer.Due);
        }
    }

    private sealed class Timer(ManualClock clock, Action ring) : ITimer
    {
        public DateTimeOffset Due { get; set; }

        public TimeSpan Period { get; private set; }

        public void Ring() => ring();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                clock._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    (Due, Period) = (clock._now + dueTime, period);
                    clock._timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
