namespace EmbeddingFunctions.Status;

/// <summary>One answer for all who ask within a time: many watchers cost the database no more than one.</summary>
/// <param name="ask">Asks; it is not cancelled, as others may wait for it too.</param>
/// <param name="life">How old an answer may be, by how long it took.</param>
/// <param name="time">The clock.</param>
internal sealed class SharedAnswer<T>(Func<Task<T>> ask, Func<TimeSpan, TimeSpan> life, TimeProvider time)
{
    private readonly Lock _lock = new();
    private Task<T>? _answer;
    private Task<T>? _last;
    private long _askedAt;
    private TimeSpan _took;
    private bool _isExpired;

    /// <returns>An answer that is young enough.</returns>
    public Task<T> Get(CancellationToken cancellation) => Current().WaitAsync(cancellation);

    /// <returns>The last answer, while a younger one is asked for; null: there is none yet.</returns>
    /// <param name="patience">How long the first answer is waited for.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public async Task<T?> Latest(TimeSpan patience, CancellationToken cancellation)
    {
        var current = Current();
        if (!current.IsCompleted && _last is null)
        {
            await Task.WhenAny(current, Task.Delay(patience, time, cancellation));
        }

        return current.IsCompleted ? await current : _last is { } last ? await last : default;
    }

    /// <summary>Makes the next caller get a new answer, however young the last one is.</summary>
    public void Expire()
    {
        lock (_lock)
        {
            _isExpired = true;
        }
    }

    private Task<T> Current()
    {
        lock (_lock)
        {
            if (_answer is null || (_answer.IsCompleted && (_isExpired || time.GetElapsedTime(_askedAt) >= life(_took))))
            {
                _isExpired = false;
                _last = _answer is { IsCompletedSuccessfully: true } ? _answer : _last;
                _askedAt = time.GetTimestamp();
                _answer = Task.Run(Ask, CancellationToken.None);
            }

            return _answer;
        }
    }

    private async Task<T> Ask()
    {
        var started = time.GetTimestamp();
        try
        {
            return await ask();
        }
        finally
        {
            _took = time.GetElapsedTime(started);
        }
    }
}
