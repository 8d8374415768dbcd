using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Runs;

/// <summary>Starts what is due, as the Functions timer does, and takes up what other servers left.</summary>
internal sealed class ScheduleLoop(RunScheduler scheduler, IRunEngine engine, Schedule schedule, Redaction redaction, ILogger log)
{
    // A run whose server was killed falls silent after a minute.
    private static readonly TimeSpan _takeUpEvery = TimeSpan.FromSeconds(15);

    /// <summary>Until it is stopped: at once, as moments may have passed while no host ran, and then whenever the schedule says.</summary>
    public Task Run(CancellationToken stopping) => Task.WhenAll(
        Repeat(() => scheduler.StartDue(engine, stopping), now => schedule.Next(now) - now, stopping),
        Repeat(() => scheduler.AdoptOrphanedRuns(engine, stopping), _ => _takeUpEvery, stopping),
        Repeat(() => scheduler.AdvanceLanes(stopping), _ => _takeUpEvery, stopping));

    private async Task Repeat(Func<Task> work, Func<DateTimeOffset, TimeSpan> wait, CancellationToken stopping)
    {
        var last = "";
        while (!stopping.IsCancellationRequested)
        {
            last = await Try(work, last, stopping);
            // Delays end early by a little, and a moment must not be met twice; long ones are divided.
            var next = wait(DateTimeOffset.UtcNow) + TimeSpan.FromMilliseconds(5);
            await Task.Delay(next < TimeSpan.FromDays(1) ? next : TimeSpan.FromDays(1), stopping)
                .ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    /// <returns>The failure, so that it is logged once and not at every tick.</returns>
    private async Task<string> Try(Func<Task> work, string last, CancellationToken stopping)
    {
        try
        {
            await work();
            if (last.Length > 0)
            {
                log.ScheduleGoesOn();
            }

            return "";
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return last;
        }
        catch (Exception e)
        {
            var reason = redaction.Clean(e.Message);
            if (reason != last)
            {
                log.ScheduleWaits(reason);
            }

            return reason;
        }
    }
}
