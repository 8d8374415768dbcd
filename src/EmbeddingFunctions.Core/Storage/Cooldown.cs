namespace EmbeddingFunctions.Storage;

/// <summary>Skips a server for five seconds after it failed, so that an outage costs one short wait.</summary>
internal sealed class Cooldown(TimeProvider time)
{
    private static readonly TimeSpan _duration = TimeSpan.FromSeconds(5);

    private long _startedAt = long.MinValue;

    public bool IsActive =>
        Volatile.Read(ref _startedAt) is var startedAt && startedAt != long.MinValue && time.GetElapsedTime(startedAt) < _duration;

    public void End() => Volatile.Write(ref _startedAt, long.MinValue);

    public void Start() => Volatile.Write(ref _startedAt, time.GetTimestamp());
}
