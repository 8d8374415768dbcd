using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli;

/// <summary>How the working off of a queue ended, in the words of queues.</summary>
internal sealed class QueueSummary(
    PriceTable prices, string corpus, string model, IReadOnlyList<RunOutcome> outcomes, bool isInterrupted)
{
    private readonly BatchCounts _counts = outcomes.Aggregate(new BatchCounts(), (sum, outcome) => sum + outcome.Counts);

    private readonly RunSummary _run = new(prices, corpus, model, outcomes, isInterrupted);

    private int Records => _counts.Processed + _counts.Failed;

    // Of nothing there is no rate.
    private double? SuccessRate => Records == 0 ? null : Math.Round(100.0 * _counts.Processed / Records, 1);

    /// <returns>The exit code.</returns>
    public int Print(Output output)
    {
        output.Result(
            new
            {
                Corpus = corpus,
                outcomes[^1].Status,
                outcomes[^1].Error,
                Total = outcomes[0].ItemsTotal,
                Processed = Records,
                Errors = _counts.Failed,
                SuccessRate,
                _counts.Requests,
                _counts.Tokens,
                Dollars = prices.Of(model, _counts.Tokens),
                RunIds = outcomes.Select(outcome => outcome.RunId)
            },
            text =>
            {
                text.WriteLine("=== Processing Summary ===");
                text.WriteLine($"Total records processed: {Records:N0}");
                text.WriteLine($"Total errors: {_counts.Failed:N0}");
                text.WriteLine($"Success rate: {(SuccessRate is { } rate ? $"{rate:0.0}%" : "none, as nothing was processed")}");
            },
            _run.Advice);
        return _run.ExitCode;
    }
}
