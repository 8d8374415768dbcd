namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>A clock that runs a number of times faster: for waits that a test needs but does not want to sit out.</summary>
internal sealed class FastTime(int speed) : TimeProvider
{
    private readonly long _start = System.GetTimestamp();
    private readonly DateTimeOffset _begun = System.GetUtcNow();

    public override long TimestampFrequency => System.TimestampFrequency;

    public override long GetTimestamp() => _start + ((System.GetTimestamp() - _start) * speed);

    public override DateTimeOffset GetUtcNow() => _begun + (System.GetElapsedTime(_start) * speed);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Timer(System.CreateTimer(callback, state, Faster(dueTime), Faster(period)), this);

    private TimeSpan Faster(TimeSpan time) => time > TimeSpan.Zero ? time / speed : time;

    private sealed class Timer(ITimer inner, FastTime time) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => inner.Change(time.Faster(dueTime), time.Faster(period));

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
