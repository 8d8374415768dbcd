namespace EmbeddingFunctions.Limits;

/// <summary>This process's callers of one model: one asks at a time, the others stand in line behind it.</summary>
internal sealed class CallLine(ProviderFlow flow) : IDisposable
{
    private readonly SemaphoreSlim _queue = new(1, 1);
    private double _owed;

    public ProviderFlow Flow => flow;

    public async Task<IDisposable> Turn(CancellationToken cancellation)
    {
        await _queue.WaitAsync(cancellation);
        return new Place(_queue);
    }

    public void Owe(double tokens)
    {
        lock (flow)
        {
            _owed += tokens;
        }
    }

    public double TakeOwed()
    {
        lock (flow)
        {
            return (_owed, _owed = 0).Item1;
        }
    }

    public void Dispose()
    {
        _queue.Dispose();
        flow.Dispose();
    }

    private sealed class Place(SemaphoreSlim queue) : IDisposable
    {
        private SemaphoreSlim? _queue = queue;

        public void Dispose() => Interlocked.Exchange(ref _queue, null)?.Release();
    }
}
