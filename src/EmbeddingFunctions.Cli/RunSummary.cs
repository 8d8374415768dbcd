using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli;

/// <summary>Tells how a backfill ended, and with which exit code.</summary>
internal static class RunSummary
{
    public static int Print(Output output, string corpus, string model, IReadOnlyList<RunOutcome> outcomes)
    {
        var counts = outcomes.Aggregate(new BatchCounts(), (sum, outcome) => sum + outcome.Counts);
        var seconds = outcomes.Sum(outcome => outcome.Seconds);
        var last = outcomes[^1];
        var failed = outcomes.FirstOrDefault(outcome => outcome.Status == RunStatus.Failed);
        var status = last.Status == RunStatus.Cancelled ? RunStatus.Cancelled : failed is null ? RunStatus.Completed : RunStatus.Failed;
        // Of iterations, the first knows the least of what was pending: what they took is the better total.
        var total = outcomes.Count == 1 ? last.ItemsTotal : counts.Claimed;
        var summary = new
        {
            Corpus = corpus,
            Model = model,
            Status = status,
            Error = (failed ?? last).Error,
            RunIds = outcomes.Select(outcome => outcome.RunId),
            Total = total,
            counts.Embedded,
            counts.Unchanged,
            counts.Cached,
            counts.Empty,
            counts.Changed,
            counts.Failed,
            counts.Requests,
            counts.Tokens,
            Dollars = Price.Of(model, counts.Tokens),
            Seconds = Math.Round(seconds, 2),
            ItemsPerSecond = Math.Round(counts.Processed / Math.Max(0.001, seconds), 1),
        };
        output.Result(summary, text =>
        {
            text.WriteLine($"=== {(status == RunStatus.Completed && total == 0 ? "Nothing to do" : Title(status, counts))} ===");
            foreach (var (name, value) in new[] { ("Total", total), ("Embedded", counts.Embedded), ("Unchanged", counts.Unchanged), ("Cached", counts.Cached), ("Empty", counts.Empty), ("Changed meanwhile", counts.Changed), ("Failed", counts.Failed), ("Requests", counts.Requests) })
            {
                text.WriteLine($"{name + ":",-20}{value:N0}");
            }

            text.WriteLine($"{"Tokens:",-20}{counts.Tokens:N0}");
            text.WriteLine($"{"Cost:",-20}{Dollars(summary.Dollars)}");
            text.WriteLine($"{"Duration:",-20}{TimeSpan.FromSeconds(seconds):hh\\:mm\\:ss\\.ff}");
            text.WriteLine($"{"Rate:",-20}{summary.ItemsPerSecond:N1} items/s");
        });
        Explain(output, corpus, status, summary.Error, counts);
        return status switch
        {
            RunStatus.Cancelled => ExitCode.Interrupted,
            RunStatus.Failed => ExitCode.Failed,
            _ => counts.Failed > 0 ? ExitCode.WithFailures : ExitCode.Done,
        };
    }

    public static string Dollars(decimal? dollars) => dollars is null ? "price unknown" : $"${dollars:0.0000}";

    private static string Title(RunStatus status, BatchCounts counts) => status switch
    {
        RunStatus.Cancelled => "Interrupted",
        RunStatus.Failed => "Failed",
        _ => counts.Failed > 0 ? "Finished, some items failed" : "Done",
    };

    private static void Explain(Output output, string corpus, RunStatus status, string? error, BatchCounts counts)
    {
        if (status == RunStatus.Cancelled)
        {
            output.Note($"Interrupted: what was in flight was stored or given back. 'embeddings backfill {corpus}' goes on.");
        }
        else if (status == RunStatus.Failed)
        {
            output.Note($"The run failed: {error}");
        }
        else if (counts.Failed > 0)
        {
            output.Note($"{counts.Failed:N0} items failed: 'embeddings status {corpus}' says why; they are tried again later, three times in all.");
        }
    }
}
