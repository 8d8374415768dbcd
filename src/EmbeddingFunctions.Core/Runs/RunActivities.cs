using System.Text.Json.Serialization;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>The steps of a run, in the order in which it takes them. Each is idempotent, so an engine may repeat it.</summary>
internal sealed class RunActivities
{
    public static readonly RunActivity<RunInput, DateTimeOffset> StartRun =
        new(nameof(StartRun), (a, i, c) => a._lifecycle.Start(i, c), output => output != default, Opens: true);

    public static readonly RunActivity<RunInput, OpenedRun> OpenRun =
        new(nameof(OpenRun), (a, i, c) => a._lifecycle.Open(i, c), output => output is { LanesPerPartition: > 0 });

    public static readonly RunActivity<PlanPage, PlannedPage> PlanPage =
        new(nameof(PlanPage), (a, i, c) => a.Plan(i, c), output => output is { Batches: not null, Cursor: not null });

    public static readonly RunActivity<EmbedBatch, EmbeddedBatch> EmbedBatch =
        new(nameof(EmbedBatch), (a, i, c) => a._batches.EmbedAll(i, () => a._transitions.Beat(i.RunId, c), c),
            output => output is { Counts: not null });

    public static readonly RunActivity<CloseRun, RunOutcome> CloseRun =
        new(nameof(CloseRun), (a, i, c) => a._lifecycle.Close(i, c), output => output is { Counts: not null }, Closes: true);

    public static readonly RunActivity<BuildIndexes, IndexesBuilt> BuildIndexes =
        new(nameof(BuildIndexes), (a, i, c) => a.Build(i, c), output => output is not null);

    private readonly RunLifecycle _lifecycle;
    private readonly RunTransitions _transitions;
    private readonly RunPages _pages;
    private readonly BatchEmbedder _batches;
    private readonly ResolvedCorpora _corpora;
    private readonly ISearchIndexes _indexes;
    private readonly Redaction _redaction;

    public RunActivities(
        RunLifecycle lifecycle, RunTransitions transitions, RunPages pages, BatchEmbedder batches, ResolvedCorpora corpora,
        ISearchIndexes indexes, Redaction redaction) =>
        (_lifecycle, _transitions, _pages, _batches, _corpora, _indexes, _redaction) =
        (lifecycle, transitions, pages, batches, corpora, indexes, redaction);

    /// <summary>Does an activity for an engine that writes failures into its history: short, without secrets, by kind.</summary>
    /// <exception cref="ActivityFailedException">It will never work.</exception>
    /// <exception cref="TransientFailureException">It may work another time.</exception>
    /// <exception cref="IncompatibleHostException">It may work on another host.</exception>
    public async Task<TOutput> Do<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input, CancellationToken cancellation)
    {
        try
        {
            return await Try(activity, input, cancellation);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            var reason = _redaction.Clean(e.Message);
            throw e is DatabaseNotReadyException { SuitsAnotherHost: true } ? new IncompatibleHostException(reason)
                : WriteFaults.IsTransient(e) ? new TransientFailureException(reason)
                : new ActivityFailedException(reason);
        }
    }

    /// <summary>Does an activity. Where a table was altered meanwhile, it says what no longer fits, not which statement failed.</summary>
    /// <exception cref="DatabaseNotReadyException">The corpus does not fit the database.</exception>
    internal Task<TOutput> Try<TInput, TOutput>(RunActivity<TInput, TOutput> activity, TInput input, CancellationToken cancellation) =>
        _corpora.Fitting(() => activity.Do(this, input, cancellation), cancellation);

    private async Task<IndexesBuilt> Build(BuildIndexes command, CancellationToken cancellation)
    {
        try
        {
            await _indexes.Build(await _corpora.Get(command.Corpus, cancellation), cancellation);
            return new IndexesBuilt();
        }
        catch (Exception e) when (e is DatabaseNotReadyException or PostgresException && !WriteFaults.IsTransient(e))
        {
            // The vectors are there, and searches are exact.
            return new IndexesBuilt(_redaction.Clean(e.Message));
        }
    }

    private async Task<PlannedPage> Plan(PlanPage command, CancellationToken cancellation)
    {
        if (await _transitions.Beat(command.Run.RunId, cancellation))
        {
            return new PlannedPage([], command.Cursor, Cancelled: true);
        }

        // The run may have begun before a migration for another model.
        var request = command.Run.Request;
        await _lifecycle.EnsureOneModel(await _corpora.Get(request.Corpus, cancellation), request, cancellation);
        return await _pages.Next(command, cancellation);
    }
}

/// <param name="ItemsTotal">Items that were pending when the run began, within its scope and limit.</param>
/// <param name="ForceBefore">Forced: items embedded before then are in scope.</param>
/// <param name="GoesOn">Forced: an earlier run was not done with the scope, and this one does the rest.</param>
/// <param name="Before">What the run had done in a process that is gone.</param>
internal sealed record OpenedRun(
    int ItemsTotal, int LanesPerPartition, DateTimeOffset? ForceBefore, bool GoesOn = false, BatchCounts? Before = null);

/// <param name="Busy">Partitions whose planned batches have not all begun: they are left out.</param>
/// <param name="Items">The largest number of items.</param>
internal sealed record PlanPage(RunInput Run, string Cursor, IReadOnlyList<string> Busy, int Items);

/// <param name="Cursor">The partition served last.</param>
/// <param name="HeldUntil">With no batches: items of the scope are held by others until then, perhaps by a process that is gone.</param>
/// <param name="Cancelled">The run is no longer wanted.</param>
internal sealed record PlannedPage(
    IReadOnlyList<PlannedBatch> Batches, string Cursor, DateTimeOffset? HeldUntil = null, bool Cancelled = false)
{
    /// <summary>Whether, with what is in flight, it has all that the run could take when it was planned.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool HasAll { get; init; }
}

/// <param name="Count">The largest number of items.</param>
/// <param name="Size">Items a batch, where there are to be several, one after the other; null: all are one batch.</param>
internal sealed record PlannedBatch(
    string Kind, string Partition, int Count, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Size = null)
{
    /// <summary>Whether the size was chosen for lack of a declared one, and may be chosen again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsSizeAutomatic { get; init; }

    /// <summary>Texts of a request, where a batch is several requests; null: it is one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Inputs { get; init; }

    /// <summary>The requests of it that are sent side by side.</summary>
    [JsonIgnore]
    public int Requests => Inputs is { } inputs ? ((Size ?? Count) + inputs - 1) / inputs : 1;
}

/// <summary>Builds the indexes for search that a migration has left for later.</summary>
internal sealed record BuildIndexes(string Corpus);

/// <param name="Problem">Why one could not be built.</param>
internal sealed record IndexesBuilt(string? Problem = null);

/// <param name="StopReason">Why it ended before all was done.</param>
/// <param name="Cancelled">It was ended from outside.</param>
/// <param name="IsCapReached">Whether the reason is a cap of dollars.</param>
internal sealed record CloseRun(
    RunInput Run, string? StopReason, bool Cancelled,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsCapReached = false);
