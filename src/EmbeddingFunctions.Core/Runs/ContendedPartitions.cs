using System.Collections.Immutable;
using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Partitions that other runs have in hand, or whose rows a session keeps locked: left alone until nothing else is to do.
/// </summary>
internal sealed record ContendedPartitions
{
    public static readonly ContendedPartitions None = new();

    public ImmutableHashSet<string> All { get; private init; } = [];

    // Partitions whose last batch found nothing to take; and those of them that a plan made since still calls pending.
    private ImmutableHashSet<string> FoundNothing { get; init; } = [];

    private ImmutableHashSet<string> FoundNothingBeforePlan { get; init; } = [];

    private ImmutableHashSet<string> PendingAgain { get; init; } = [];

    public ContendedPartitions PlanBegins() => this with { FoundNothingBeforePlan = FoundNothing };

    public ContendedPartitions Planned(PlannedPage page) =>
        this with
        {
            PendingAgain = PendingAgain.Union(page.Batches.Select(batch => batch.Partition).Where(FoundNothingBeforePlan.Contains))
        };

    public ContendedPartitions Ended(string partition, EmbeddedBatch batch)
    {
        if (batch.Counts != new BatchCounts() || batch.RetryAt is not null)
        {
            return this with { FoundNothing = FoundNothing.Remove(partition), PendingAgain = PendingAgain.Remove(partition) };
        }

        // Found empty once, another run was faster; found empty while a plan still calls it pending, its rows are locked.
        return batch.NoLane || (FoundNothing.Contains(partition) && PendingAgain.Contains(partition))
            ? this with { All = All.Add(partition) }
            : this with { FoundNothing = FoundNothing.Add(partition) };
    }
}
