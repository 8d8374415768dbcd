using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Cli.Commands;

/// <summary>
/// A backfill on the provider's batch lane: this command moves its run on while it waits, and hosts do when it has ended.
/// </summary>
internal static class BatchLaneBackfill
{
    private static readonly TimeSpan _lookAgain = TimeSpan.FromSeconds(1);

    /// <summary>Begins a run, or goes on with the corpus's open one, and waits for its end.</summary>
    public static async Task<RunOutcome> Run(
        Session session, Output output, RunRequest request, RunProgressDisplay display, CancellationToken cancellation)
    {
        var lanes = session.Get<LaneRuns>();
        var open = await lanes.Find(request.Corpus, cancellation);
        if (open is not null)
        {
            output.Note($"Going on with run {open} of '{request.Corpus}', which is on the batch lane.");
        }

        var run = open ?? await lanes.Begin(request, cancellation);
        var outcome = await display.Show(report => Follow(session, run, report, cancellation));
        if (outcome.Status == RunStatus.Completed)
        {
            // As a run does that no lane is for; where a host ends it, the next run that leaves nothing pending.
            await session.Get<ISearchIndexes>().Build(
                await session.Get<ResolvedCorpora>().Get(request.Corpus, cancellation), cancellation);
        }

        return outcome;
    }

    /// <summary>Ends the corpus's run; what the provider has done by then is written, and the rest is pending.</summary>
    public static async Task<int> Cancel(Session session, Output output, string corpus, CancellationToken cancellation)
    {
        session.Settings.EnsureEnabled();
        var lanes = session.Get<LaneRuns>();
        if (await lanes.Find(corpus, cancellation) is not { } run)
        {
            output.Result(
                new { Corpus = corpus, RunId = (Guid?)null }, text => text.WriteLine($"No run of '{corpus}' is on the batch lane."));
            return ExitCode.Done;
        }

        await session.Get<RunTransitions>().Cancel(run, cancellation);
        output.Note("The provider was asked to end the batches, which takes it up to ten minutes. Ctrl-C leaves the rest to a host.");
        var outcome = await Follow(session, run, _ => { }, cancellation);
        output.Result(
            new { Corpus = corpus, RunId = (Guid?)run, outcome.Status, outcome.Counts.Embedded },
            text => text.WriteLine($"Run {run} has ended as {RunTransitions.Name(outcome.Status)}: {outcome.Counts.Embedded:N0} "
                + "items were embedded, the rest is pending."));
        return ExitCode.Done;
    }

    private static async Task<RunOutcome> Follow(Session session, Guid run, Action<RunProgress> report, CancellationToken cancellation)
    {
        var (lanes, history) = (session.Get<LaneRuns>(), session.Get<RunHistory>());
        for (; ; await Task.Delay(_lookAgain, cancellation))
        {
            string? note = null;
            try
            {
                await lanes.Advance(run, cancellation);
            }
            catch (ProviderException e) when (e.Fault == ProviderFault.Transient)
            {
                note = $"{e.Message}; it is tried again";
            }

            var found = (await history.Find(run, cancellation))!;
            if (found.Run.CompletedAt is { } end)
            {
                return new RunOutcome(
                    run, RunTransitions.StatusOf(found.Run.Status), found.Run.ItemsTotal, found.Counts, found.Run.Error,
                    (end - found.Run.CreatedAt).TotalSeconds);
            }

            report(new RunProgress(found.Counts, found.Run.ItemsTotal, note ?? await Note(lanes, found.Run, cancellation)));
        }
    }

    private static async Task<string?> Note(LaneRuns lanes, RecordedRun run, CancellationToken cancellation) =>
        await lanes.Batches(run.Corpus, cancellation) is { Count: > 0 } batches
            ? $"{batches.Count:N0} {(batches.Count == 1 ? "batch" : "batches")} with {batches.Sum(batch => batch.Inputs):N0} texts on the "
                + $"provider's batch lane{(await lanes.StopReason(run.Id, cancellation) is { } stop ? $"; no more are sent: {stop}" : "")}"
            : null;
}
