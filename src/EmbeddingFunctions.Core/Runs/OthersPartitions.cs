using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Partitions that other runs, or whoever keeps their rows locked, have in hand: left to them until there is nothing else to do.
/// </summary>
internal sealed class OthersPartitions
{
    private readonly HashSet<string> _partitions = [];

    // In which a batch found nothing to take, and those of them that a plan made since calls pending all the same.
    private readonly HashSet<string> _foundNothing = [];
    private readonly HashSet<string> _pendingAgain = [];
    private List<string> _foundNothingBeforePlan = [];

    public bool Any => _partitions.Count > 0;

    public IEnumerable<string> All => _partitions;

    public void PlanBegins() => _foundNothingBeforePlan = [.. _foundNothing];

    public void Planned(PlannedPage page) =>
        _pendingAgain.UnionWith(page.Batches.Select(batch => batch.Partition).Intersect(_foundNothingBeforePlan));

    public void Ended(string partition, EmbeddedBatch batch)
    {
        if (batch.Counts != new BatchCounts() || batch.RetryAt is not null)
        {
            _foundNothing.Remove(partition);
            _pendingAgain.Remove(partition);
        }
        // Once, another run was faster; if what is pending cannot be taken again, somebody keeps it locked.
        else if (batch.NoLane || (!_foundNothing.Add(partition) && _pendingAgain.Contains(partition)))
        {
            _partitions.Add(partition);
        }
    }

    public void Forget()
    {
        _partitions.Clear();
        _foundNothing.Clear();
        _pendingAgain.Clear();
    }
}
