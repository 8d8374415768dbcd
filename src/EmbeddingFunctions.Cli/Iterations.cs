using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli;

/// <summary>Runs of a page each, with a wait between them, as the seed system's backfill script made them.</summary>
internal static class Iterations
{
    private const int ReportEvery = 10;

    public static async Task<IReadOnlyList<RunOutcome>> Run(
        Output output, int iterations, TimeSpan delay, Func<Task<RunOutcome>> run, CancellationToken cancellation)
    {
        var outcomes = new List<RunOutcome>();
        for (var i = 1; i <= iterations; i++)
        {
            var outcome = await run();
            outcomes.Add(outcome);
            if (i % ReportEvery == 0)
            {
                output.Note($"Iterations: {i}/{iterations}, succeeded: {outcomes.Count(Succeeded)}, failed: {outcomes.Count(o => !Succeeded(o))}, items: {outcomes.Sum(o => o.Counts.Processed):N0}");
            }

            if (outcome.Status == RunStatus.Cancelled || (outcome.Status == RunStatus.Completed && outcome.ItemsTotal == 0))
            {
                break;
            }

            if (i < iterations)
            {
                await Wait(delay, cancellation);
            }
        }

        return outcomes;
    }

    private static bool Succeeded(RunOutcome outcome) => outcome.Status == RunStatus.Completed;

    private static async Task Wait(TimeSpan delay, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(delay, cancellation);
        }
        catch (OperationCanceledException)
        {
            // The next run sees it too, and ends as cancelled.
        }
    }
}
