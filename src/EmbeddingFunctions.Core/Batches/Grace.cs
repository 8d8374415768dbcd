namespace EmbeddingFunctions.Batches;

/// <summary>
/// Calls in flight when a stop is requested may be paid already: they get some seconds to be stored before they are cancelled.
/// </summary>
internal sealed class Grace : IDisposable
{
    // Hosts are given ten seconds to end, as a rule; what remains is for giving back and closing.
    private static readonly TimeSpan _length = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _broken;
    private readonly CancellationTokenRegistration _breaking;

    public Grace(TimeProvider time, CancellationToken stopping)
    {
        _broken = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _breaking = stopping.Register(() => _broken.CancelAfter(_length));
    }

    /// <summary>Is cancelled five seconds after the stop.</summary>
    public CancellationToken Token => _broken.Token;

    public void Dispose()
    {
        _breaking.Dispose();
        _broken.Dispose();
    }
}
