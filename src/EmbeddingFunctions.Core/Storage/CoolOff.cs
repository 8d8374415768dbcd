namespace EmbeddingFunctions.Storage;

/// <summary>Leaves alone for five seconds what has failed, so that an outage costs one short wait.</summary>
internal sealed class CoolOff(TimeProvider time)
{
    private static readonly TimeSpan _leftAlone = TimeSpan.FromSeconds(5);

    private long _failedAt = long.MinValue;

    public bool IsOn => Volatile.Read(ref _failedAt) is var failedAt && failedAt != long.MinValue && time.GetElapsedTime(failedAt) < _leftAlone;

    public void Begin() => Volatile.Write(ref _failedAt, time.GetTimestamp());
}
