namespace EmbeddingFunctions.Testing;

/// <summary>Counts up, and wakes the waiters for a count.</summary>
internal sealed class Tally
{
    private readonly Lock _lock = new();
    private readonly List<(int Target, TaskCompletionSource Reached)> _waiters = [];
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public void Add()
    {
        lock (_lock)
        {
            _count++;
            foreach (var (_, reached) in _waiters.FindAll(w => w.Target <= _count))
                reached.TrySetResult();
            _waiters.RemoveAll(w => w.Target <= _count);
        }
    }

    public async Task WaitAsync(int target, TimeSpan timeout)
    {
        try
        {
            await Reached(target).WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Saw {Count} of {target} requests in {timeout.TotalSeconds} s.");
        }
    }

    private Task Reached(int target)
    {
        lock (_lock)
        {
            if (_count >= target)
                return Task.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((target, reached));
            return reached.Task;
        }
    }
}
