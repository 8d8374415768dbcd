using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Runs;

/// <summary>Planned batches and those in flight: so many at once in all, and so many of one partition.</summary>
internal sealed class Lanes(int concurrency, int perPartition)
{
    private readonly List<PlannedBatch> _queued = [];
    private readonly List<(PlannedBatch Batch, Task<EmbeddedBatch> Task)> _inFlight = [];

    public bool HasInFlight => _inFlight.Count > 0;

    /// <summary>Whether enough is planned that no place in flight will stay empty.</summary>
    public bool HasWork => _queued.Count(IsFree) >= concurrency;

    public IEnumerable<Task> InFlight => _inFlight.Select(entry => entry.Task);

    /// <summary>Items planned or in flight.</summary>
    public int Items => _queued.Sum(batch => batch.Count) + _inFlight.Sum(entry => entry.Batch.Count);

    public void Add(IEnumerable<PlannedBatch> batches) => _queued.AddRange(batches);

    public IReadOnlyList<string> Queued() => _queued.Select(batch => batch.Partition).Distinct().ToList();

    public bool IsQueued(string partition) => _queued.Exists(batch => batch.Partition == partition);

    /// <returns>The next batch that may start now, or null.</returns>
    public PlannedBatch? Next()
    {
        var next = _inFlight.Count < concurrency ? _queued.Find(IsFree) : null;
        if (next is not null)
        {
            _queued.Remove(next);
        }

        return next;
    }

    public void Start(PlannedBatch batch, Task<EmbeddedBatch> task) => _inFlight.Add((batch, task));

    public List<(PlannedBatch Batch, Task<EmbeddedBatch> Task)> TakeCompleted()
    {
        var completed = _inFlight.Where(entry => entry.Task.IsCompleted).ToList();
        _inFlight.RemoveAll(completed.Contains);
        return completed;
    }

    /// <summary>Waits until nothing is in flight, whatever becomes of it.</summary>
    public async Task Settle()
    {
        foreach (var (_, task) in _inFlight)
        {
            try
            {
                await task;
            }
            catch (Exception e) when (e is ActivityFailedException or OperationCanceledException)
            {
                // The first failure has ended the run and is the one to tell.
            }
        }
    }

    private bool IsFree(PlannedBatch batch) => _inFlight.Count(entry => entry.Batch.Partition == batch.Partition) < perPartition;
}
