using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Runs;

/// <summary>Starts runs after edits, which were neither requested nor scheduled.</summary>
internal sealed class TriggeredRuns(
    RunTransitions transitions, DatabaseClock clock, RunPages pages, SharedRateLimiter limiter, EmbeddingSettings settings)
{
    /// <summary>Records the run if anything is pending for it.</summary>
    public async Task<TriggerResult> Record(Corpus corpus, RunInput run, RunHost host, CancellationToken cancellation)
    {
        var lookedAt = await clock.Now(cancellation);
        var page = await pages.Next(new PlanPage(run, Cursor: "", Busy: [], Items: 1), cancellation);
        if (page.Batches.Count == 0)
        {
            return page.HeldUntil is null ? TriggerResult.Nothing : TriggerResult.Busy;
        }

        return await limiter.Of(settings.ModelFor(corpus)).Status(cancellation) is { State: ProviderStatus.Stopped } ? TriggerResult.Stopped
            : await transitions.RecordTriggered(corpus, run.RunId, host, lookedAt, cancellation) ? TriggerResult.Recorded
            : TriggerResult.Busy;
    }
}

/// <summary>The outcome of a notification.</summary>
internal enum TriggerResult
{
    /// <summary>Nothing is pending, or it waits for its time to be tried again.</summary>
    Nothing,

    /// <summary>There is a run for it now.</summary>
    Recorded,

    /// <summary>A run is open, or others hold what is pending: what is left when they end is to be looked at.</summary>
    Busy,

    /// <summary>The provider refuses all calls.</summary>
    Stopped,
}
