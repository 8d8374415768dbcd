namespace EmbeddingFunctions.Limits;

/// <summary>This process's callers of one model: one asks at a time, the others stand in line behind it.</summary>
/// <param name="flow">When the next may call.</param>
/// <param name="judge">Whether the key is well, for all that do not know: also for those who cannot reach what <paramref name="flow"/> is kept in. May be the same.</param>
internal sealed class CallLine(ProviderFlow flow, ProviderFlow judge) : IDisposable
{
    private readonly SemaphoreSlim _queue = new(1, 1);
    private double _owed;

    public ProviderFlow Flow => flow;

    public ProviderFlow Judge => judge;

    /// <summary>The judge's first: whoever finds the key in doubt must find the reason there.</summary>
    public async Task NoteEverywhere(Func<FlowState, DateTimeOffset, FlowState> next)
    {
        await judge.Note(next);
        if (flow != judge)
        {
            await flow.Note(next);
        }
    }

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
        judge.Dispose();
    }

    private sealed class Place(SemaphoreSlim queue) : IDisposable
    {
        private SemaphoreSlim? _queue = queue;

        public void Dispose() => Interlocked.Exchange(ref _queue, null)?.Release();
    }
}
