namespace EmbeddingFunctions.Limits;

/// <summary>
/// So many units a minute, spread evenly (generic cell rate algorithm): over any 60 seconds never more than the limit,
/// because a provider may count its minute from any moment and even by the second.
/// </summary>
internal sealed class RateBudget(int perMinute, TimeProvider time)
{
    private const int Window = 60;

    // What may go at once after a pause; the even rate is lowered by the same share so that both together keep the limit.
    private const int BurstSeconds = 1;

    private readonly double _secondsPerUnit = (Window + BurstSeconds) / (double)perMinute;
    private readonly Lock _lock = new();
    private readonly long _start = time.GetTimestamp();
    private double _arrival;

    /// <summary>Takes units, now or in debt.</summary>
    /// <returns>How long to wait before using them.</returns>
    public TimeSpan Take(int units)
    {
        lock (_lock)
        {
            var now = Now();
            var wait = Math.Max(0, _arrival - BurstSeconds - now);
            _arrival = Math.Max(_arrival, now) + (units * _secondsPerUnit);
            return TimeSpan.FromSeconds(wait);
        }
    }

    /// <summary>Gives back what was taken too much, or takes what was taken too little.</summary>
    public void Correct(int taken, int used)
    {
        lock (_lock)
        {
            _arrival += (used - taken) * _secondsPerUnit;
        }
    }

    private double Now() => time.GetElapsedTime(_start).TotalSeconds;
}
