using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.BatchLane;

/// <summary>
/// Runs on the provider's batch lane. All that is known of one is in Postgres, so that any process moves it on by a step at a time: take
/// results, send what fits the queue, close the run when nothing is left.
/// </summary>
internal sealed class LaneRuns(
    LaneStore store, LaneItems items, LaneSubmission submission, LaneResults results, RunLifecycle lifecycle, RunTransitions transitions,
    RunQueries runs, ResolvedCorpora corpora, CorpusSet declared, Provider provider, Pauses pauses, EmbeddingSettings settings,
    LaneLimits limits, DatabaseOutages outages, TimeProvider time) : ILaneRuns
{
    // A young batch is looked at often, an old one seldom.
    private const int LooksPerAge = 10;

    private static readonly TimeSpan _shortestPause = TimeSpan.FromSeconds(1);

    /// <returns>The corpus's open run, or null.</returns>
    /// <exception cref="CorpusException">The database is not ready.</exception>
    public async Task<Guid?> Find(string corpus, CancellationToken cancellation)
    {
        await corpora.Get(corpus, cancellation);
        return await store.OpenRun(corpus, cancellation);
    }

    /// <returns>A corpus's batches, oldest first.</returns>
    public Task<IReadOnlyList<BatchOnItsWay>> Batches(string corpus, CancellationToken cancellation) =>
        store.OfCorpus(corpus, cancellation);

    /// <returns>Why a run sends no more batches; null: it does.</returns>
    public Task<string?> StopReason(Guid run, CancellationToken cancellation) => store.StopReason(run, cancellation);

    /// <summary>Records a run; <see cref="Advance(Guid?, CancellationToken)"/> does its work.</summary>
    /// <exception cref="SettingsException">The provider has no batch lane.</exception>
    /// <exception cref="CorpusException">The request does not fit the corpus, or the database is not ready.</exception>
    public async Task<Guid> Begin(RunRequest request, CancellationToken cancellation)
    {
        EnsureLane();
        await pauses.EnsureNotPaused(request.Corpus, cancellation);
        var input = new RunInput(Guid.CreateVersion7(), request) { IsRecorded = true };
        await lifecycle.Start(input, cancellation);
        await transitions.Record(request, input.RunId, RunHost.Batch, dueAt: null, cancellation);
        await store.Begin(input.RunId, request.Corpus, cancellation);
        await lifecycle.Open(input, cancellation);
        // It does not keep other runs of the corpus from starting, as one does that a host carries.
        await transitions.Free(input.RunId, cancellation);
        return input.RunId;
    }

    public async Task Advance(CancellationToken cancellation)
    {
        while (await Advance(only: null, cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <returns>Whether a run was moved on.</returns>
    /// <param name="only">Only this run.</param>
    /// <param name="cancellation">Ends the step; what was written stays, and another process goes on.</param>
    /// <exception cref="ProviderException">The provider could not be asked.</exception>
    public async Task<bool> Advance(Guid? only, CancellationToken cancellation)
    {
        if (!settings.IsEnabled || provider.Lane is null
            || await store.Take(only, declared.All.Select(corpus => corpus.Name).ToArray(), cancellation) is not { } run)
        {
            return false;
        }

        await using var lease = new LaneLease(store, run, outages, time, cancellation);
        lease.Pause = await Step(run, lease.Held);
        return true;
    }

    /// <exception cref="SettingsException">There is none.</exception>
    public void EnsureLane()
    {
        if (settings.NoBatchLane is { } why)
        {
            throw new SettingsException([why]);
        }
    }

    private async Task<TimeSpan> Step(LaneRun run, CancellationToken cancellation)
    {
        if (await runs.Open(run.Id, cancellation) is not { } input)
        {
            await Abandon(run, cancellation);
            return _shortestPause;
        }

        var corpus = await corpora.Get(run.Corpus, cancellation);
        var isCancelled = await transitions.Beat(run.Id, cancellation);
        await transitions.Free(run.Id, cancellation);
        var (forceBefore, _) = await transitions.Open(run.Id, cancellation);
        input = input with { Opened = new OpenedRun(0, corpus.Corpus.LanesPerPartition ?? int.MaxValue, forceBefore) };
        var hasMore = await Move(run, corpus, input, isCancelled, cancellation);
        var open = await store.Batches(run.Id, cancellation);
        if (open.Count == 0 && !hasMore)
        {
            var stop = isCancelled ? null : await store.StopReason(run.Id, cancellation);
            await lifecycle.Close(
                new CloseRun(input, stop, isCancelled, stop is not null && await store.IsCapReached(run.Id, cancellation)), cancellation);
            await store.End(run.Id, cancellation);
        }

        var pause = open.Count == 0 ? _shortestPause : open.Min(batch => batch.Age) / LooksPerAge;
        return pause < _shortestPause ? _shortestPause : pause > limits.LongestPause ? limits.LongestPause : pause;
    }

    /// <returns>Whether more is to be sent.</returns>
    private async Task<bool> Move(
        LaneRun run, ResolvedCorpus corpus, RunInput input, bool isCancelled, CancellationToken cancellation)
    {
        try
        {
            foreach (var batch in await store.Batches(run.Id, cancellation))
            {
                await results.Take(run, corpus, input, batch, isCancelled, cancellation);
            }

            if (isCancelled || await store.StopReason(run.Id, cancellation) is not null)
            {
                return false;
            }

            // A refusal a moment ago has changed what may be sent.
            return await pauses.IsPaused(run.Corpus, cancellation)
                || await store.Limits(run, cancellation) is not { MaySend: true } now
                || await submission.Send(now, corpus, input, cancellation);
        }
        catch (ProviderException e) when (e.Fault != ProviderFault.Transient)
        {
            // What is on its way stays so: a person may mend the key before it has ended.
            await (e.IsCapReached
                ? store.StopAtCap(run.Id, e.Message, cancellation)
                : store.Stop(run.Id, e.Message, cancellation));
            return false;
        }
    }

    // The run was closed or deleted by others: nothing of it is to be paid for any longer.
    private async Task Abandon(LaneRun run, CancellationToken cancellation)
    {
        foreach (var batch in await store.Batches(run.Id, cancellation))
        {
            if (batch.ProviderId is { } id)
            {
                await provider.Lane!.Cancel(id, cancellation);
            }

            await items.Drop(batch.Id, cancellation);
        }

        await store.End(run.Id, cancellation);
    }
}
