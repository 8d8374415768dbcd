using System.Threading.Channels;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Starts runs when tables change: listens for the triggers' notifications or, where none arrive, polls every ten seconds.
/// </summary>
internal sealed class ChangeListener
{
    // An application seldom writes one row alone.
    private static readonly TimeSpan _gather = TimeSpan.FromMilliseconds(250);

    // How soon a run that is open may have ended.
    private static readonly TimeSpan _soon = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(10);

    // A server that was merely slow carries notifications after all.
    private const int PollsBeforeListeningAgain = 60;

    private readonly CorpusSet _set;
    private readonly IReadOnlyList<Corpus> _corpora;
    private readonly Dictionary<string, Channel<bool>> _signals;
    private readonly ResolvedCorpora _resolved;
    private readonly WorkNotices _notices;
    private readonly RunScheduler _scheduler;
    private readonly Redaction _redaction;
    private readonly DatabaseOutages _outages;
    private readonly ILogger _log;
    private string _names = "";
    private string _told = "";

    public ChangeListener(
        CorpusSet corpora, ResolvedCorpora resolved, WorkNotices notices, RunScheduler scheduler, EmbeddingSettings settings,
        Redaction redaction, DatabaseOutages outages, ILogger<ChangeListener> log)
    {
        (_resolved, _notices, _scheduler, _redaction, _outages, _log) = (resolved, notices, scheduler, redaction, outages, log);
        _set = corpora;
        _corpora = settings.IsEnabled ? corpora.Declared.Where(corpus => corpus.Trigger).ToList() : [];
        // One ring that is not answered yet is as good as many.
        _signals = _corpora.ToDictionary(
            corpus => corpus.Name,
            _ => Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }));
    }

    private string LooksInstead => $"edits of {_names} are looked for every {_lookEvery.TotalSeconds:0} seconds";

    /// <summary>Until it is stopped; at once over if no corpus declares a trigger.</summary>
    /// <param name="engine">Carries the runs.</param>
    /// <param name="tell">Receives a line whenever notifications begin or cease to arrive.</param>
    /// <param name="stopping">Ends it.</param>
    public async Task Run(IRunEngine engine, Action<LogLevel, string> tell, CancellationToken stopping)
    {
        try
        {
            await Task.WhenAll(
                _corpora.Count == 0 ? [] : _corpora.Select(corpus => Answer(corpus, engine, stopping)).Append(Hear(tell, stopping)));
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
            // As asked, whatever was under way.
        }
    }

    private async Task Hear(Action<LogLevel, string> tell, CancellationToken stopping)
    {
        var wait = _soon;
        while (true)
        {
            try
            {
                var migrated = (await _resolved.MigratedNames(stopping)).Select(Generation.CorpusOf).Distinct();
                _names = string.Join(", ", migrated.Where(_signals.ContainsKey).Order());
                if (_names.Length == 0)
                {
                    // Only a migration makes triggers.
                    await Task.Delay(_lookEvery, stopping);
                    continue;
                }

                await _notices.Hear(() => wait = Begin(tell), Signal, stopping);
                Tell(tell, LogLevel.Warning, $"This connection brings no notifications: {LooksInstead}.");
                await Look(stopping);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                Tell(
                    tell, LogLevel.Warning,
                    $"Nothing is heard of triggers, and until it is, {LooksInstead}: {_redaction.Clean(e.Message)}");
                SignalAll();
                await Task.Delay(wait, stopping);
                wait = wait * 2 < _lookEvery ? wait * 2 : _lookEvery;
            }
        }
    }

    /// <summary>Changes that were made while this host did not listen are looked for now.</summary>
    /// <returns>How long to wait when the connection breaks.</returns>
    private TimeSpan Begin(Action<LogLevel, string> tell)
    {
        Tell(tell, LogLevel.Information, $"Edits of {_names} wake this host.");
        SignalAll();
        return _soon;
    }

    private async Task Look(CancellationToken stopping)
    {
        for (var i = 0; i < PollsBeforeListeningAgain; i++)
        {
            SignalAll();
            await Task.Delay(_lookEvery, stopping);
        }
    }

    // Hosts' proofs are heard too, and corpora of other declarations.
    private void Signal(string corpus) => _signals.GetValueOrDefault(corpus)?.Writer.TryWrite(true);

    private void SignalAll()
    {
        foreach (var bell in _signals.Values)
        {
            bell.Writer.TryWrite(true);
        }
    }

    private async Task Answer(Corpus corpus, IRunEngine engine, CancellationToken stopping)
    {
        var bell = _signals[corpus.Name].Reader;
        while (await bell.WaitToReadAsync(stopping))
        {
            await Task.Delay(_gather, stopping);
            bell.TryRead(out _);
            while (await LookAgain(corpus, engine, stopping) is { } wait)
            {
                await Task.Delay(wait, stopping);
            }
        }
    }

    private async Task<TimeSpan?> LookAgain(Corpus corpus, IRunEngine engine, CancellationToken stopping)
    {
        try
        {
            var results = new List<TriggerResult>();
            foreach (var generation in _set.GenerationsOf(corpus.Name))
            {
                results.Add(await _scheduler.Wake(engine, generation, stopping));
            }

            return results.Contains(TriggerResult.Busy) ? _soon : results.Contains(TriggerResult.Stopped) ? _lookEvery : null;
        }
        catch (DatabaseNotReadyException e)
        {
            // The schedule warns of it, and the migration is yet to make the triggers.
            _log.EditBeginsNoRun(LogLevel.Debug, corpus.Name, _redaction.Clean(e.Message));
            return null;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException && !stopping.IsCancellationRequested)
        {
            _outages.Failed("the start of a run after an edit", e);
            return _lookEvery;
        }
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            _log.EditBeginsNoRun(LogLevel.Warning, corpus.Name, _redaction.Clean(e.Message));
            return _lookEvery;
        }
    }

    private void Tell(Action<LogLevel, string> tell, LogLevel level, string line)
    {
        if (line != _told)
        {
            tell(level, _told = line);
        }
    }
}
