using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Where runs are asked for: each becomes a row first and is then given to an engine, so that none is lost and none begun twice.</summary>
public sealed class RunDesk
{
    // A timer may come a little before its time, or by a clock that is ahead of another's.
    private static readonly TimeSpan _early = TimeSpan.FromSeconds(5);

    private readonly CorpusSet _corpora;
    private readonly BoundCorpora _bound;
    private readonly RunRequests _requests;
    private readonly OldRuns _oldRuns;
    private readonly RunStore _runs;
    private readonly EmbeddingSettings _settings;
    private readonly TimeProvider _time;

    internal RunDesk(
        CorpusSet corpora, BoundCorpora bound, RunRequests requests, OldRuns oldRuns, RunStore runs, EmbeddingSettings settings, TimeProvider time) =>
        (_corpora, _bound, _requests, _oldRuns, _runs, _settings, _time) = (corpora, bound, requests, oldRuns, runs, settings, time);

    /// <summary>Records a run and has it begun; the same event again is the same run.</summary>
    /// <param name="engine">Who is to carry it.</param>
    /// <param name="request">What to run over; checked by the caller.</param>
    /// <param name="eventId">The sender's own id of the event, or null.</param>
    /// <param name="cancellation">Ends the asking; what is recorded by then is begun later.</param>
    /// <returns>Null if an earlier event of that id asked for something else.</returns>
    public async Task<AskedRun?> Ask(IRunEngine engine, RunRequest request, string? eventId, CancellationToken cancellation)
    {
        var asked = Input(Guid.CreateVersion7(), request);
        if (await _requests.Record(asked.Request, asked.RunId, engine.Host, eventId, dueAt: null, cancellation))
        {
            await engine.Begin(asked, cancellation);
            return new AskedRun(asked.RunId, IsNew: true);
        }

        var (id, isOpen, isSame) = await _requests.OfEvent(eventId!, asked.Request, cancellation)
            ?? throw new TimeoutException("The event is just being recorded by another host; send it again.");
        if (isSame && isOpen)
        {
            // Whoever recorded it may have ended before it was begun.
            await engine.Begin(asked with { RunId = id }, cancellation);
        }

        return isSame ? new AskedRun(id, IsNew: false) : null;
    }

    /// <summary>What a host does at every tick of its timer.</summary>
    public async Task Tick(IRunEngine engine, CancellationToken cancellation)
    {
        await TakeUp(engine, cancellation);
        await StartDue(engine, cancellation);
    }

    /// <summary>Starts a run for every corpus whose scheduled moment has come and was not served; a late or doubled tick starts nothing twice.</summary>
    /// <returns>The corpora whose run was started.</returns>
    /// <exception cref="CorpusException">The database is not ready for a corpus; the others were started.</exception>
    public async Task<IReadOnlyList<string>> StartDue(IRunEngine engine, CancellationToken cancellation)
    {
        var (started, unready) = (new List<string>(), new List<string>());
        foreach (var corpus in _corpora.All)
        {
            try
            {
                if (await StartIfDue(engine, corpus, cancellation))
                {
                    started.Add(corpus.Name);
                }
            }
            catch (CorpusException e)
            {
                unready.Add(e.Message);
            }
        }

        return unready.Count == 0 ? started : throw new CorpusException(string.Join('\n', unready));
    }

    /// <summary>Goes on with the open runs of this kind of host that nobody carries, because a process ended or an engine lost them.</summary>
    public async Task TakeUp(IRunEngine engine, CancellationToken cancellation)
    {
        try
        {
            foreach (var run in await _requests.TakeSilentRuns(engine.Host, OldRuns.Silence, cancellation))
            {
                if (!await CloseIfEnded(engine, run, cancellation))
                {
                    await engine.Begin(run, cancellation);
                }
            }
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn)
        {
            // Before its migration a database holds no run.
        }
    }

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

    /// <summary>What a run waits for, as its engine has it; a run that the engine has ended is closed first.</summary>
    public async Task<string?> Note(IRunEngine engine, Guid runId, CancellationToken cancellation) =>
        await _requests.Open(runId, cancellation) is { } run && !await CloseIfEnded(engine, run, cancellation)
            ? (await engine.Look(runId, cancellation))?.Note
            : null;

    private async Task<bool> StartIfDue(IRunEngine engine, Corpus corpus, CancellationToken cancellation)
    {
        await _bound.Get(corpus.Name, cancellation);
        await _oldRuns.Tidy(corpus.Name, cancellation);
        var dueAt = Schedule.TryParse(corpus.Schedule)!.Last(_time.GetUtcNow() + _early);
        var run = Input(Guid.CreateVersion7(), new RunRequest(corpus.Name, []));
        var isDue = await _requests.Record(run.Request, run.RunId, engine.Host, eventId: null, dueAt, cancellation);
        if (isDue)
        {
            await engine.Begin(run, cancellation);
        }

        return isDue;
    }

    private async Task<bool> CloseIfEnded(IRunEngine engine, RunInput run, CancellationToken cancellation)
    {
        if (await engine.Look(run.RunId, cancellation) is not { EndedBecause: { } reason } carried)
        {
            return false;
        }

        await _runs.Close(new CloseRun(run, reason, carried.Cancelled), cancellation);
        return true;
    }

    private RunInput Input(Guid id, RunRequest request) =>
        new(id, request with { Concurrency = _settings.BatchesInFlight }) { IsRecorded = true };
}

/// <param name="IsNew">False: an earlier event with the same id had asked for it.</param>
public sealed record AskedRun(Guid Id, bool IsNew);
