using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli;

/// <summary>How a backfill ended: one run, or several told as one.</summary>
/// <param name="isInterrupted">Whether more runs were to come.</param>
internal sealed class RunSummary(string corpus, string model, IReadOnlyList<RunOutcome> outcomes, bool isInterrupted = false)
{
    private readonly BatchCounts _counts = outcomes.Aggregate(new BatchCounts(), (sum, outcome) => sum + outcome.Counts);

    private readonly RunOutcome _telling = outcomes.FirstOrDefault(outcome => outcome.Status == RunStatus.Failed) ?? outcomes[^1];

    public int ExitCode => Status switch
    {
        RunStatus.Cancelled => Cli.ExitCode.Interrupted,
        RunStatus.Failed => Cli.ExitCode.Failed,
        _ => _counts.Failed > 0 ? Cli.ExitCode.WithFailures : Cli.ExitCode.Done,
    };

    private RunStatus Status => isInterrupted || outcomes[^1].Status == RunStatus.Cancelled ? RunStatus.Cancelled : _telling.Status;

    // Of iterations, the first knows the least of what was pending: what they took is the better total.
    private int Total => outcomes.Count == 1 ? outcomes[0].ItemsTotal : _counts.Claimed;

    private double Seconds => outcomes.Sum(outcome => outcome.Seconds);

    private double ItemsPerSecond => Math.Round(_counts.Processed / Math.Max(0.001, Seconds), 1);

    private decimal? Dollars => Price.Of(model, _counts.Tokens);

    private decimal? Saved => Price.Of(model, _counts.SavedTokens);

    private string Title => Status switch
    {
        RunStatus.Cancelled => "Interrupted",
        RunStatus.Failed => "Failed",
        _ => _counts.Failed > 0 ? "Finished, some items failed" : Total == 0 ? "Nothing to do" : "Done",
    };

    private string? Advice => Status switch
    {
        RunStatus.Cancelled => "Interrupted: what was in flight was stored or given back. The same command again goes on where this one stopped.",
        RunStatus.Failed => $"The run failed: {_telling.Error}\n'embeddings doctor' looks at the database and the provider and says what to do.",
        _ => _counts.Failed == 0 ? null : $"{_counts.Failed:N0} items failed: 'embeddings status {corpus}' says why. They are tried again later, three times in all.",
    };

    public void Print(Output output)
    {
        output.Result(ForMachines(), ForPeople);
        Advise(output);
    }

    /// <summary>What to do, if there is anything.</summary>
    public void Advise(Output output)
    {
        if (Advice is { } advice)
        {
            output.Note(advice);
        }
    }

    private object ForMachines() => new
    {
        Corpus = corpus,
        Model = model,
        Status,
        _telling.Error,
        RunIds = outcomes.Select(outcome => outcome.RunId),
        Total,
        _counts.Embedded,
        _counts.Unchanged,
        _counts.Cached,
        DollarsSaved = Saved,
        _counts.Empty,
        _counts.Changed,
        _counts.Failed,
        _counts.Requests,
        _counts.Tokens,
        Dollars,
        Seconds = Math.Round(Seconds, 2),
        ItemsPerSecond,
    };

    private void ForPeople(TextWriter text)
    {
        var duration = TimeSpan.FromSeconds(Seconds);
        text.WriteLine($"=== {Title} ===");
        text.WriteLine($"Total:              {Total:N0}");
        text.WriteLine($"Embedded:           {_counts.Embedded:N0}");
        text.WriteLine($"Unchanged:          {_counts.Unchanged:N0}");
        text.WriteLine($"Cached:             {_counts.Cached:N0}{(_counts.Cached == 0 ? "" : $" (saved {RunFigures.Money(Saved)})")}");
        text.WriteLine($"Empty:              {_counts.Empty:N0}");
        text.WriteLine($"Changed meanwhile:  {_counts.Changed:N0}");
        text.WriteLine($"Failed:             {_counts.Failed:N0}");
        text.WriteLine($"Requests:           {_counts.Requests:N0}");
        text.WriteLine($"Tokens:             {_counts.Tokens:N0}");
        text.WriteLine($"Cost:               {RunFigures.Money(Dollars)}");
        text.WriteLine($"Duration:           {RunFigures.Time(duration)}{duration:\\.ff}");
        text.WriteLine($"Rate:               {ItemsPerSecond:N1} items/s");
    }
}
