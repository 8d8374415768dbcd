namespace EmbeddingFunctions.Status;

/// <summary>
/// One answer for all who ask within five seconds: asking needs no key, so a thousand questions must cost no more than one.
/// </summary>
internal sealed class CachedHealth(Health health, TimeProvider time)
{
    private static readonly TimeSpan _life = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private Task<HealthReport>? _answer;
    private long _askedAt;

    public Task<HealthReport> Check(CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_answer is null or { IsFaulted: true } || (_answer.IsCompleted && time.GetElapsedTime(_askedAt) >= _life))
            {
                _askedAt = time.GetTimestamp();
                _answer = Task.Run(() => health.Check(CancellationToken.None), CancellationToken.None);
            }

            return _answer.WaitAsync(cancellation);
        }
    }
}
