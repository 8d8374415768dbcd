using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Alerts;

/// <summary>
/// Tells the receiver that <c>EMBEDDINGS_ALERT_URL</c> names when something goes wrong, and when it is over. Any number of processes may
/// watch: each incident is reported once.
/// </summary>
internal sealed class AlertWatch(
    IncidentStore incidents, TroubleReport troubles, AlertSender sender, EmbeddingSettings settings, Redaction redaction, TimeProvider time,
    ILogger<AlertWatch> log)
    : BackgroundService
{
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _quiet = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _wakeEvery = TimeSpan.FromSeconds(5);

    private string _fault = "";

    /// <summary>Looks, if no other process has looked within seconds, and sends what is to be sent.</summary>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="every">Instead of the usual times between looks, and from the last sight of a trouble to its end.</param>
    public async Task Tick(CancellationToken cancellation, TimeSpan? every = null)
    {
        if (settings.AlertUrl is null)
        {
            return;
        }

        try
        {
            if (await incidents.TakeTurn(every ?? _lookEvery, cancellation))
            {
                await incidents.Note(await troubles.Look(cancellation), every ?? _quiet, cancellation);
            }

            while (await incidents.Next(cancellation) is { } alert && await Send(alert, cancellation))
            {
            }

            _fault = "";
        }
        catch (Exception e) when (
            e is NpgsqlException or TimeoutException or DatabaseNotReadyException && !cancellation.IsCancellationRequested)
        {
            // The next look may be answered; of a fault that stays, the log speaks once.
            var reason = redaction.Clean(e.Message);
            if (reason != _fault)
            {
                log.AlertsWait(_fault = reason);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (settings.AlertUrl is not null && !stoppingToken.IsCancellationRequested)
        {
            await Tick(stoppingToken);
            await Task.Delay(_wakeEvery, time, stoppingToken);
        }
    }

    private async Task<bool> Send(Alert alert, CancellationToken cancellation)
    {
        if (await sender.Send(alert, cancellation) is not { } problem)
        {
            await incidents.Sent(alert, cancellation);
            log.AlertIsSent(alert.Kind, alert.Subject, alert.State);
            return true;
        }

        await incidents.Postpone(alert, cancellation);
        log.AlertIsRefused(alert.Kind, alert.Subject, alert.State, alert.Attempts, problem);
        return false;
    }
}
