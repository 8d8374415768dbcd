using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Requests runs: records each as a row before handing it to an engine, so that no run is lost or started twice.
/// </summary>
internal sealed class RunScheduler(
    CorpusSet corpora, ResolvedCorpora resolved, RunTransitions transitions, RunQueries runs, RunJanitor janitor, RunLifecycle lifecycle,
    TriggeredRuns triggered, ILaneRuns lanes, Pauses pauses, EmbeddingSettings settings, DatabaseClock clock, Redaction redaction,
    ILogger<RunScheduler> log)
{
    // A timer may come a little before its time by the database's clock.
    private static readonly TimeSpan _early = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Records a run and has it begun; the same event again is the same run, and a run that has not started yet takes what it covers.
    /// </summary>
    /// <param name="engine">Who is to carry it.</param>
    /// <param name="request">What to run over; checked by the caller.</param>
    /// <param name="eventId">The sender's own id of the event, or null.</param>
    /// <param name="cancellation">Cancels the request; a run that is already recorded starts later.</param>
    /// <returns>Null if an earlier event of that id asked for something else.</returns>
    /// <exception cref="SettingsException"><c>EMBEDDING_ENABLED</c> is false.</exception>
    /// <exception cref="TooManyRunsException">Too many runs of the corpus wait for their start.</exception>
    public async Task<RequestedRun?> Ask(IRunEngine engine, RunRequest request, string? eventId, CancellationToken cancellation)
    {
        settings.EnsureEnabled();
        var asked = Input(Guid.CreateVersion7(), request);
        var (recorded, run) = await transitions.RecordEvent(asked.Request, asked.RunId, engine.Host, eventId, cancellation);
        switch (recorded)
        {
            case RecordedEvent.Recorded:
                await Begin(engine, asked, cancellation);
                return new RequestedRun(run, IsNew: true);
            case RecordedEvent.Covered:
                await AdoptOrphanedRuns(engine, run, cancellation);
                return new RequestedRun(run, IsNew: false);
            case RecordedEvent.Refused:
                throw new TooManyRunsException(request.Corpus, TimeSpan.FromMinutes(1) / corpora.Get(request.Corpus).StartsPerMinute);
        }

        var (id, isOpen, isSame) = await runs.OfEvent(eventId!, asked.Request, cancellation)
            ?? throw new TimeoutException("The event is just being recorded by another host; send it again.");
        if (isSame && isOpen)
        {
            // The host that recorded it may have ended before it was begun; while a host carries it, it is left to that one.
            await AdoptOrphanedRuns(engine, id, cancellation);
        }

        return isSame ? new RequestedRun(id, IsNew: false) : null;
    }

    /// <summary>A host's work at every tick of its timer.</summary>
    public async Task Tick(IRunEngine engine, CancellationToken cancellation)
    {
        await Each(
            [
                () => AdoptOrphanedRuns(engine, cancellation),
                () => StartDue(engine, cancellation),
                () => AdvanceLanes(cancellation),
                () => engine.Forget(RunJanitor.Kept, cancellation),
            ], work => work());
    }

    /// <summary>Takes results of batches on the provider's batch lane, and sends more.</summary>
    public Task AdvanceLanes(CancellationToken cancellation) => lanes.Advance(cancellation);

    /// <summary>
    /// Starts a run for every migrated corpus whose scheduled moment has come and was not served, and for every other that declares a
    /// trigger and has anything pending; a late or doubled tick starts nothing twice.
    /// </summary>
    /// <returns>The corpora whose run was started; none while <c>EMBEDDING_ENABLED</c> is false.</returns>
    /// <exception cref="DatabaseNotReadyException">The database is not ready for a corpus; the others were started.</exception>
    public async Task<IReadOnlyList<string>> StartDue(IRunEngine engine, CancellationToken cancellation)
    {
        var started = new List<string>();
        if (!settings.IsEnabled)
        {
            return started;
        }

        await Each(await resolved.Migrated(cancellation), async corpus =>
        {
            if (
                await StartIfDue(engine, corpus, cancellation)
                    || (corpus.Trigger && await Wake(engine, corpus, cancellation) == TriggerResult.Recorded))
            {
                started.Add(corpus.Name);
            }
        });
        return started;
    }

    /// <summary>
    /// Starts a run for a corpus if anything is pending in it that waits for nothing and that no open run takes; of many hosts that are
    /// woken one does.
    /// </summary>
    /// <exception cref="DatabaseNotReadyException">The database is not ready for it.</exception>
    internal async Task<TriggerResult> Wake(IRunEngine engine, Corpus corpus, CancellationToken cancellation)
    {
        // Its resumption is a notification too.
        if (await pauses.IsPaused(corpus.Name, cancellation))
        {
            return TriggerResult.Nothing;
        }

        var run = Input(Guid.CreateVersion7(), new RunRequest(corpus.Name, []));
        var woken = await triggered.Record(corpus, run, engine.Host, cancellation);
        if (woken == TriggerResult.Recorded)
        {
            await Begin(engine, run, cancellation);
        }

        return woken;
    }

    /// <summary>
    /// Adopts open runs of this kind of host whose process ended or whose engine lost them.
    /// </summary>
    public Task AdoptOrphanedRuns(IRunEngine engine, CancellationToken cancellation) => AdoptOrphanedRuns(engine, run: null, cancellation);

    /// <summary>Lets a run begin no more batches; it ends as cancelled when those in flight have.</summary>
    /// <returns>Whether it was still open.</returns>
    public async Task<bool> Cancel(IRunEngine engine, Guid runId, CancellationToken cancellation)
    {
        var wasOpen = await transitions.Cancel(runId, cancellation);
        if (wasOpen)
        {
            await engine.Cancel(runId, cancellation);
        }

        return wasOpen;
    }

    /// <summary>What a run waits for, as its engine has it; a run that the engine has ended is closed or begun again first.</summary>
    public async Task<string?> Note(IRunEngine engine, Guid runId, CancellationToken cancellation) =>
        await runs.Open(runId, cancellation) is { } run && !await CloseIfEnded(engine, run, cancellation)
            ? (await engine.Find(runId, cancellation))?.Note
            : null;

    private async Task<bool> StartIfDue(IRunEngine engine, Corpus corpus, CancellationToken cancellation)
    {
        await resolved.Get(corpus.Name, cancellation);
        await janitor.Tidy(corpus.Name, cancellation);
        if (await pauses.IsPaused(corpus.Name, cancellation))
        {
            return false;
        }

        var dueAt = Schedule.TryParse(corpus.Schedule)!.Last(await clock.Now(cancellation) + _early);
        var run = Input(Guid.CreateVersion7(), new RunRequest(corpus.Name, [], Limit: corpus.Scheduled?.Limit) { IsScheduled = true });
        var isDue = await transitions.Record(run.Request, run.RunId, engine.Host, dueAt, cancellation);
        if (isDue)
        {
            await Begin(engine, run, cancellation);
        }

        return isDue;
    }

    private async Task AdoptOrphanedRuns(IRunEngine engine, Guid? run, CancellationToken cancellation)
    {
        if (!settings.IsEnabled)
        {
            return;
        }

        try
        {
            var names = corpora.All.Select(corpus => corpus.Name).ToArray();
            await Each(await transitions.Adopt(engine.Host, names, run, cancellation), async silent =>
            {
                if (!await resolved.Fits(silent.Request.Corpus, cancellation))
                {
                    log.RunSuitsAnotherHost(silent.RunId, silent.Request.Corpus);
                    await transitions.Free(silent.RunId, cancellation);
                }
                else if (!await CloseIfEnded(engine, silent, cancellation))
                {
                    log.RunIsAdopted(silent.RunId, silent.Request.Corpus);
                    await Begin(engine, silent, cancellation);
                }
            });
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn)
        {
            // Before its migration a database holds no run.
        }
    }

    // A run that its engine did not take is free for the next caller.
    private async Task Begin(IRunEngine engine, RunInput run, CancellationToken cancellation)
    {
        try
        {
            await engine.Begin(run, cancellation);
        }
        catch
        {
            await transitions.Free(run.RunId, CancellationToken.None);
            throw;
        }
    }

    // One that fails keeps no other from its turn.
    private async Task Each<T>(IEnumerable<T> items, Func<T, Task> work)
    {
        var failures = new List<Exception>();
        foreach (var item in items)
        {
            try
            {
                await work(item);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                failures.Add(e);
            }
        }

        if (failures.Count > 0)
        {
            if (failures.TrueForAll(e => e is CorpusException))
            {
                throw new DatabaseNotReadyException(string.Join('\n', failures.Select(e => e.Message)));
            }

            var thrown = failures.First(e => e is not CorpusException);
            foreach (var other in failures.Where(other => other != thrown))
            {
                log.ScheduledWorkFails(redaction.Clean(other.Message));
            }

            throw thrown;
        }
    }

    private async Task<bool> CloseIfEnded(IRunEngine engine, RunInput run, CancellationToken cancellation)
    {
        if (await engine.Find(run.RunId, cancellation) is not { EndedBecause: { } reason } carried)
        {
            return false;
        }

        if (carried.MayBeginAgain && settings.IsEnabled)
        {
            await Begin(engine, run, cancellation);
            return false;
        }

        // It may have closed its job between the two looks.
        if (await runs.Open(run.RunId, cancellation) is null)
        {
            return true;
        }

        await lifecycle.Close(new CloseRun(run, reason, carried.Cancelled), cancellation);
        return true;
    }

    private RunInput Input(Guid id, RunRequest request) =>
        new(id, request with { Concurrency = settings.BatchesInFlight }) { IsRecorded = true };
}
