using System.Collections.Immutable;
using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// A run's fan-out as a pure state machine: each event gives the next state and the commands to carry out, so that a replay of the events
/// gives the same commands.
/// </summary>
internal sealed record FanOutState(RunInput Input)
{
    // A provider that is away this often in a row, at most two minutes each, is not coming back within this run.
    private const int MaxPausesWithoutProgress = 20;

    // Rows that are edited or inserted during a run are embedded by it, but an application that never rests must not keep it from its end.
    private const int MaxLatePages = 10;

    // A page is its planning and some ten orders; few orders, as of a page that found little, leave room for more pages.
    private const int ActivitiesPerPage = 11;

    // How often to look whether others are done with the partitions that they hold.
    private static readonly TimeSpan _lookAgain = TimeSpan.FromSeconds(5);

    /// <summary>Why it stopped before everything was done, or null.</summary>
    public string? StopReason { get; private init; }

    /// <summary>Whether it stopped because a cap of dollars is reached.</summary>
    public bool IsCapReached { get; private init; }

    private ImmutableList<PlannedBatch> Queued { get; init; } = [];

    private ImmutableList<PlannedBatch> InFlight { get; init; } = [];

    private ContendedPartitions Contended { get; init; } = ContendedPartitions.None;

    /// <summary>Pages planned and orders given in this history.</summary>
    private int Activities { get; init; }

    private bool IsPlanning { get; init; }

    /// <summary>Whether nothing was hidden from the page that is being planned.</summary>
    private bool SeesAll { get; init; }

    /// <summary>Whether the last page was empty, and nothing has happened since that could make another one less so.</summary>
    private bool IsExhausted { get; init; }

    private DateTimeOffset? HeldUntil { get; init; }

    private DateTimeOffset? PausedUntil { get; init; }

    private string? PauseReason { get; init; }

    private int Remaining =>
        (
            Input.Request.Limit ?? int.MaxValue) - Input.Counts.Claimed - Queued.Sum(
                batch => batch.Count) - InFlight.Sum(batch => batch.Count);

    private bool IsHistoryFull => Activities >= (long)Input.Request.PagesPerExecution * ActivitiesPerPage;

    private bool MayPlan => !IsHistoryFull && Remaining > 0 && !IsExhausted && !IsLate;

    private bool IsLate => Input.LatePages >= MaxLatePages;

    /// <param name="happened">The event.</param>
    /// <param name="now">The time, the same on every replay.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public (FanOutState State, IReadOnlyList<FanOutCommand> Commands) On(FanOutEvent happened, DateTimeOffset now) =>
        Apply(happened).Decide(now);

    private FanOutState Apply(FanOutEvent happened) => happened switch
    {
        FanOutEvent.PagePlanned(var page) => Apply(page),
        FanOutEvent.BatchEnded(var batch, var result) => Apply(batch, result),
        FanOutEvent.Waited => this with { PausedUntil = null, HeldUntil = null, IsExhausted = false, Contended = ContendedPartitions.None },
        _ => this,
    };

    private FanOutState Apply(PlannedPage page) => page.Cancelled
        ? throw new OperationCanceledException("The run is no longer wanted.")
        : this with
        {
            IsPlanning = false,
            Input = Input with
            {
                Cursor = page.Cursor,
                LatePages = Input.LatePages + (page.HasAll && Input.Counts.Settled >= Input.Opened!.ItemsTotal ? 1 : 0),
            },
            Queued = Queued.AddRange(page.Batches),
            Contended = Contended.Planned(page),
            // What a page saw held while batches were in flight may be theirs.
            HeldUntil = SeesAll ? page.HeldUntil : null,
            // If something was hidden from an empty page, it is looked for again when everything has landed.
            IsExhausted = page.Batches.Count == 0 && (SeesAll || InFlight.Count > 0),
        };

    private FanOutState Apply(PlannedBatch batch, EmbeddedBatch result)
    {
        var pauses = (result.Counts.Processed > 0 ? 0 : Input.PausesWithoutProgress)
            + (result is { RetryAt: not null, IsPaused: false } && PausedUntil is null ? 1 : 0);
        var ended = this with
        {
            InFlight = InFlight.Remove(batch),
            Contended = Contended.Ended(batch.Partition, result),
            Input = Input with { Counts = Input.Counts + result.Counts, PausesWithoutProgress = pauses },
            IsCapReached = IsCapReached || (StopReason is null && result.IsCapReached),
            StopReason = StopReason ?? result.Stop
                ?? (pauses >= MaxPausesWithoutProgress ? $"the provider remained unavailable: {result.RetryReason}" : null),
        };
        // Items that the batch gave back, or that were edited during it, can be planned.
        ended = ended with { IsExhausted = IsExhausted && ended.InFlight.Count > 0 };
        return result.RetryAt is not { } retryAt ? ended : ended with
        {
            PausedUntil = retryAt > PausedUntil ? retryAt : PausedUntil ?? retryAt,
            PauseReason = result.IsPaused ? "paused until a person resumes the corpus" : $"waiting for the provider: {result.RetryReason}",
        };
    }

    private (FanOutState State, IReadOnlyList<FanOutCommand> Commands) Decide(DateTimeOffset now)
    {
        var (state, commands) = (this, new List<FanOutCommand>());
        if (StopReason is null && PausedUntil is null)
        {
            while (state.NextBatch() is { } batch)
            {
                commands.Add(new FanOutCommand.StartBatch(batch));
                state = state with
                {
                    Queued = state.Queued.Remove(batch),
                    InFlight = state.InFlight.Add(batch),
                    Activities = state.Activities + 1,
                };
                // A partition without queued batches may be planned again.
                state = state with
                {
                    IsExhausted = state.IsExhausted && state.Queued.Exists(queued => queued.Partition == batch.Partition)
                };
            }

            if (state.IsHistoryFull && state.HasFreePlace)
            {
                // What waits for its partition's lanes is planned again by the next execution, beside all that can begin at once.
                state = state with { Queued = [] };
            }

            if (!state.IsPlanning && state.MayPlan && !state.HasWork)
            {
                var queued = state.Queued.Select(batch => batch.Partition).Distinct().ToList();
                commands.Add(
                    new FanOutCommand.PlanPage(state.Input.Cursor, queued.Union(state.Contended.All.Order()).ToList(), state.Remaining));
                state = state with
                {
                    IsPlanning = true,
                    Activities = state.Activities + 1,
                    SeesAll = queued.Count == 0 && state.InFlight.Count == 0,
                    Contended = state.Contended.PlanBegins(),
                };
            }
        }

        return (state, state.IsPlanning || state.InFlight.Count > 0 ? commands : [state.WaitOrFinish(now)]);
    }

    // Nothing is in flight: wait out a pause or others' claims, or be done.
    private FanOutCommand WaitOrFinish(DateTimeOffset now) =>
        StopReason is not null ? new FanOutCommand.Finish(HasMore: false)
        : PausedUntil is { } paused ? new FanOutCommand.Wait(paused, PauseReason!)
        : (HeldUntil ?? (Contended.All.Count > 0 ? now + _lookAgain : null)) is { } held
            ? new FanOutCommand.Wait(held, "waiting for items that another worker holds")
        : new FanOutCommand.Finish(HasMore: Remaining > 0 && !IsExhausted && !IsLate);

    /// <summary>Whether enough is planned that no place in flight stays empty.</summary>
    private bool HasWork => Queued.Where(IsFree).Sum(batch => batch.Requests) >= Input.Request.Concurrency;

    private bool HasFreePlace => InFlight.Sum(batch => batch.Requests) < Input.Request.Concurrency;

    private PlannedBatch? NextBatch() => HasFreePlace ? Queued.Find(IsFree) : null;

    private bool IsFree(PlannedBatch batch) =>
        InFlight.Count(other => other.Partition == batch.Partition) < Input.Opened!.LanesPerPartition;
}

internal abstract record FanOutEvent
{
    public sealed record Begun : FanOutEvent;

    public sealed record PagePlanned(PlannedPage Page) : FanOutEvent;

    public sealed record BatchEnded(PlannedBatch Batch, EmbeddedBatch Result) : FanOutEvent;

    public sealed record Waited : FanOutEvent;
}

internal abstract record FanOutCommand
{
    /// <param name="Cursor">The partition that planning served last.</param>
    /// <param name="Busy">Partitions to leave out.</param>
    /// <param name="Remaining">At most this number of items.</param>
    public sealed record PlanPage(string Cursor, IReadOnlyList<string> Busy, int Remaining) : FanOutCommand;

    public sealed record StartBatch(PlannedBatch Batch) : FanOutCommand;

    public sealed record Wait(DateTimeOffset Until, string Reason) : FanOutCommand;

    /// <param name="HasMore">Whether another execution goes on.</param>
    public sealed record Finish(bool HasMore) : FanOutCommand;
}
