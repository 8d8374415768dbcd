using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Where runs are asked for: each becomes a row first and is then given to an engine, so that none is lost and none begun twice.
/// </summary>
internal sealed class RunScheduler
{
    // A timer may come a little before its time by the database's clock.
    private static readonly TimeSpan _early = TimeSpan.FromSeconds(5);

    private readonly CorpusSet _corpora;
    private readonly ResolvedCorpora _bound;
    private readonly RunRequests _requests;
    private readonly RunJanitor _oldRuns;
    private readonly RunStore _runs;
    private readonly TriggeredRuns _woken;
    private readonly EmbeddingSettings _settings;
    private readonly DatabaseClock _clock;
    private readonly Redaction _redaction;
    private readonly ILogger _log;

    public RunScheduler(
        CorpusSet corpora, ResolvedCorpora bound, RunRequests requests, RunJanitor oldRuns, RunStore runs, TriggeredRuns woken,
        EmbeddingSettings settings, DatabaseClock clock, Redaction redaction, ILogger<RunScheduler> log) =>
        (_corpora, _bound, _requests, _oldRuns, _runs, _woken, _settings, _clock, _redaction, _log) =
        (corpora, bound, requests, oldRuns, runs, woken, settings, clock, redaction, log);

    /// <summary>
    /// Records a run and has it begun; the same event again is the same run, and a run that has not started yet takes what it covers.
    /// </summary>
    /// <param name="engine">Who is to carry it.</param>
    /// <param name="request">What to run over; checked by the caller.</param>
    /// <param name="eventId">The sender's own id of the event, or null.</param>
    /// <param name="cancellation">Ends the asking; what is recorded by then is begun later.</param>
    /// <returns>Null if an earlier event of that id asked for something else.</returns>
    /// <exception cref="SettingsException"><c>EMBEDDING_ENABLED</c> is false.</exception>
    /// <exception cref="TooManyRunsException">Too many runs of the corpus wait for their start.</exception>
    public async Task<RequestedRun?> Ask(IRunEngine engine, RunRequest request, string? eventId, CancellationToken cancellation)
    {
        _settings.EnsureEnabled();
        var asked = Input(Guid.CreateVersion7(), request);
        var (recorded, run) = await _requests.RecordEvent(asked.Request, asked.RunId, engine.Host, eventId, cancellation);
        switch (recorded)
        {
            case RecordedEvent.Recorded:
                await Begin(engine, asked, cancellation);
                return new RequestedRun(run, IsNew: true);
            case RecordedEvent.Covered:
                await AdoptOrphanedRuns(engine, run, cancellation);
                return new RequestedRun(run, IsNew: false);
            case RecordedEvent.Refused:
                throw new TooManyRunsException(request.Corpus, TimeSpan.FromMinutes(1) / _corpora.Get(request.Corpus).StartsPerMinute);
        }

        var (id, isOpen, isSame) = await _requests.OfEvent(eventId!, asked.Request, cancellation)
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
                () => engine.Forget(RunJanitor.Kept, cancellation),
            ], work => work());
    }

    /// <summary>
    /// Starts a run for every migrated corpus whose scheduled moment has come and was not served, and for every other that declares a
    /// trigger
    /// and has anything pending; a late or doubled tick starts nothing twice.
    /// </summary>
    /// <returns>The corpora whose run was started; none while <c>EMBEDDING_ENABLED</c> is false.</returns>
    /// <exception cref="DatabaseNotReadyException">The database is not ready for a corpus; the others were started.</exception>
    public async Task<IReadOnlyList<string>> StartDue(IRunEngine engine, CancellationToken cancellation)
    {
        var started = new List<string>();
        if (!_settings.IsEnabled)
        {
            return started;
        }

        await Each(await _bound.Migrated(cancellation), async corpus =>
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
        var run = Input(Guid.CreateVersion7(), new RunRequest(corpus.Name, []));
        var woken = await _woken.Record(corpus, run, engine.Host, cancellation);
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
        var wasOpen = await _requests.Cancel(runId, cancellation);
        if (wasOpen)
        {
            await engine.Cancel(runId, cancellation);
        }

        return wasOpen;
    }

    /// <summary>What a run waits for, as its engine has it; a run that the engine has ended is closed or begun again first.</summary>
    public async Task<string?> Note(IRunEngine engine, Guid runId, CancellationToken cancellation) =>
        await _requests.Open(runId, cancellation) is { } run && !await CloseIfEnded(engine, run, cancellation)
            ? (await engine.Look(runId, cancellation))?.Note
            : null;

    private async Task<bool> StartIfDue(IRunEngine engine, Corpus corpus, CancellationToken cancellation)
    {
        await _bound.Get(corpus.Name, cancellation);
        await _oldRuns.Tidy(corpus.Name, cancellation);
        var dueAt = Schedule.TryParse(corpus.Schedule)!.Last(await _clock.Now(cancellation) + _early);
        var run = Input(Guid.CreateVersion7(), new RunRequest(corpus.Name, [], Limit: corpus.Scheduled?.Limit) { IsScheduled = true });
        var isDue = await _requests.Record(run.Request, run.RunId, engine.Host, eventId: null, dueAt, cancellation);
        if (isDue)
        {
            await Begin(engine, run, cancellation);
        }

        return isDue;
    }

    private async Task AdoptOrphanedRuns(IRunEngine engine, Guid? run, CancellationToken cancellation)
    {
        if (!_settings.IsEnabled)
        {
            return;
        }

        try
        {
            var corpora = _corpora.All.Select(corpus => corpus.Name).ToArray();
            await Each(await _requests.TakeOrphanedRuns(engine.Host, corpora, run, cancellation), async silent =>
            {
                if (!await _bound.Fits(silent.Request.Corpus, cancellation))
                {
                    _log.RunSuitsAnotherHost(silent.RunId, silent.Request.Corpus);
                    await _requests.Free(silent.RunId, cancellation);
                }
                else if (!await CloseIfEnded(engine, silent, cancellation))
                {
                    _log.RunIsAdopted(silent.RunId, silent.Request.Corpus);
                    await Begin(engine, silent, cancellation);
                }
            });
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn)
        {
            // Before its migration a database holds no run.
        }
    }

    // A run that its engine did not take is free for the next who asks.
    private async Task Begin(IRunEngine engine, RunInput run, CancellationToken cancellation)
    {
        try
        {
            await engine.Begin(run, cancellation);
        }
        catch
        {
            await _requests.Free(run.RunId, CancellationToken.None);
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
                _log.ScheduledWorkFails(_redaction.Clean(other.Message));
            }

            throw thrown;
        }
    }

    private async Task<bool> CloseIfEnded(IRunEngine engine, RunInput run, CancellationToken cancellation)
    {
        if (await engine.Look(run.RunId, cancellation) is not { EndedBecause: { } reason } carried)
        {
            return false;
        }

        if (carried.MayBeginAgain && _settings.IsEnabled)
        {
            await Begin(engine, run, cancellation);
            return false;
        }

        // It may have closed its job between the two looks.
        if (await _requests.Open(run.RunId, cancellation) is null)
        {
            return true;
        }

        await _runs.Close(new CloseRun(run, reason, carried.Cancelled), cancellation);
        return true;
    }

    private RunInput Input(Guid id, RunRequest request) =>
        new(id, request with { Concurrency = _settings.BatchesInFlight }) { IsRecorded = true };
}

/// <param name="IsNew">False: an earlier event had asked for it, and it does what this one asks for too.</param>
internal sealed record RequestedRun(Guid Id, bool IsNew);

/// <summary>Too many runs of a corpus wait for their start to accept another event now.</summary>
internal sealed class TooManyRunsException(string corpus, TimeSpan retryAfter)
    : Exception(
        $"{RunRequests.MostWaiting} runs of '{corpus}' wait for their start: send the event again later, or one event for all of them.")
{
    /// <summary>By when one of them will have started.</summary>
    public TimeSpan RetryAfter => retryAfter;
}
