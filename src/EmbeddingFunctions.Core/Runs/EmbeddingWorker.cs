using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Runs;

/// <summary>
/// Embeds what is due in the background: at the moments of the schedule, about a second after an edit of a table whose corpus declares a
/// trigger, and what another process left unfinished. Any number of processes may have one; each run is carried by one of them.
/// </summary>
/// <remarks>
/// Stopped, it begins no more batches; those in flight end or are given back within five seconds, and another process goes on with the run.
/// A database that is not migrated yet, or away, is logged and tried again.
/// </remarks>
public sealed class EmbeddingWorker : BackgroundService
{
    private readonly RunScheduler _scheduler;
    private readonly ChangeListener _listener;
    private readonly BackgroundEngine _engine;
    private readonly EmbeddingSettings _settings;
    private readonly Redaction _redaction;
    private readonly ILogger _log;

    internal EmbeddingWorker(
        RunScheduler scheduler, ChangeListener wakes, BackgroundEngine engine, EmbeddingSettings settings, Redaction redaction,
        ILogger<EmbeddingWorker> log) =>
        (_scheduler, _listener, _engine, _settings, _redaction, _log) = (scheduler, wakes, engine, settings, redaction, log);

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await _engine.Stop();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!_settings.IsEnabled)
        {
            _log.Disabled(EmbeddingSettings.Disabled);
        }

        var ticks = new ScheduleLoop(_scheduler, _engine, Schedule.TryParse(_settings.Schedule)!, _redaction, _log);
        await Task.WhenAll(ticks.Run(stoppingToken), _listener.Run(_engine, _log.Hears, stoppingToken));
    }
}
