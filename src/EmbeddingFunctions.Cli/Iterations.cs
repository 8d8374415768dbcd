using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli;

/// <summary>Runs of a page each, with a wait between them, as an older system's backfill script made them.</summary>
internal static class Iterations
{
    private const int ReportEvery = 10;

    public static async Task<IReadOnlyList<RunOutcome>> Run(
        Output output, int iterations, TimeSpan delay, Func<Task<RunOutcome>> run, CancellationToken cancellation)
    {
        var outcomes = new List<RunOutcome>();
        try
        {
            while (outcomes.Count < iterations && (outcomes.Count == 0 || GoesOn(outcomes[^1])))
            {
                await Task.Delay(outcomes.Count == 0 ? TimeSpan.Zero : delay, cancellation);
                outcomes.Add(await run());
                Report(output, iterations, outcomes);
            }
        }
        catch (OperationCanceledException) when (outcomes.Count > 0)
        {
            // The results of the earlier iterations are reported all the same.
        }

        return outcomes;
    }

    private static void Report(Output output, int iterations, List<RunOutcome> outcomes)
    {
        var succeeded = outcomes.Count(outcome => outcome.Status == RunStatus.Completed);
        if (outcomes.Count % ReportEvery == 0)
        {
            output.Note(
                $"Iterations: {outcomes.Count}{(iterations == int.MaxValue ? "" : $"/{iterations}")}, succeeded: {succeeded}, failed: "
                    + $"{outcomes.Count - succeeded}, items: {outcomes.Sum(o => o.Counts.Processed):N0}");
        }
    }

    // Not if nothing is pending any more, or if the provider or the configuration is at fault, which the next would only meet again.
    private static bool GoesOn(RunOutcome outcome) => outcome.Status switch
    {
        RunStatus.Completed => outcome.ItemsTotal > 0,
        RunStatus.Failed => outcome.Counts.Processed + outcome.Counts.Failed > 0,
        _ => false,
    };
}
