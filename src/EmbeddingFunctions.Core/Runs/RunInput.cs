using System.Text.Json.Serialization;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Runs;

/// <summary>What to run over; the part that a person or an event asks for.</summary>
/// <param name="Kinds">Only these kinds; empty: all.</param>
/// <param name="Partition">Only this partition's items.</param>
/// <param name="Limit">The largest number of items.</param>
/// <param name="Force">Embed all in scope again, changed or not; an unfinished forced run over the same scope goes on.</param>
/// <param name="Concurrency">Batches in flight.</param>
/// <param name="PageSize">Instead of the declared one.</param>
/// <param name="BatchSize">Instead of the declared one.</param>
internal sealed record RunRequest(
    string Corpus, IReadOnlyList<string> Kinds, string? Partition = null, int? Limit = null, bool Force = false,
    int Concurrency = 8, int? PageSize = null, int? BatchSize = null)
{
    /// <summary>Whether a host started it by itself: then it takes what the corpus's declaration leaves to the schedule.</summary>
    public bool IsScheduled { get; init; }

    /// <summary>Whether vectors of another model may stand in the column until they are replaced.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AllowMixedModels { get; init; }

    /// <summary>Only these of the items; null: all.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Selection? Selection { get; init; }

    /// <summary>The most dollars that it may spend; null: no cap of its own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? MaxDollars { get; init; }

    /// <summary>How many batches an activity embeds, one after the other; a page is as many times larger.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int? BatchesPerActivity { get; init; }

    /// <summary>The number of full pages after which a durable engine begins a new history: one is some ten activities.</summary>
    public int PagesPerExecution { get; init; } = 10;

    internal PendingScope Scope(DateTimeOffset? forceBefore) =>
        forceBefore is not null ? PendingScope.Forced : IsScheduled ? PendingScope.Scheduled : PendingScope.All;
}

/// <summary>The orchestration's input: the request, and how far an earlier execution of the same run had come.</summary>
internal sealed record RunInput(Guid RunId, RunRequest Request)
{
    /// <summary>Whether it has its row already, which must then be closed whatever becomes of the run.</summary>
    public bool IsRecorded { get; init; }

    /// <summary>Null before the run was opened.</summary>
    public OpenedRun? Opened { get; init; }

    public BatchCounts Counts { get; init; } = new();

    /// <summary>How often in a row the provider was waited for in vain.</summary>
    public int PausesWithoutProgress { get; init; }

    /// <summary>Pages with all that was left, planned after as many items were embedded as the run had found when it began.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int LatePages { get; init; }

    /// <summary>How often the run was begun again because its engine had failed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Restarts { get; init; }

    /// <summary>The partition that planning served last: the next page begins behind it, so that all get their turn.</summary>
    public string Cursor { get; init; } = "";
}

/// <param name="Note">What the run waits for, if it waits.</param>
public sealed record RunProgress(BatchCounts Counts, int ItemsTotal, string? Note = null, bool HasBegun = true);

/// <summary>How a run ended, from what is committed.</summary>
/// <param name="IsLeft">It has not ended: the next server goes on with it.</param>
public sealed record RunOutcome(
    Guid RunId, RunStatus Status, int ItemsTotal, BatchCounts Counts, string? Error, double Seconds, bool IsLeft = false)
{
    /// <summary>Whether indexes for search are to be built now that the run has ended.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool LacksIndexes { get; init; }
}

/// <summary>How a run ended.</summary>
public enum RunStatus
{
    /// <summary>
    /// Everything that was pending in its scope is settled, or was tried and failed. Rows that are edited again and again while it runs
    /// may be left to the next run.
    /// </summary>
    Completed,

    /// <summary>It could not go on, or embedded none of its pending items.</summary>
    Failed,

    /// <summary>It was stopped; the rest stays pending.</summary>
    Cancelled,

    /// <summary>A cap of dollars stopped it; the rest stays pending, and a host goes on with it when the cap allows.</summary>
    [JsonStringEnumMemberName("cap_reached")]
    CapReached,
}
