using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli;

/// <summary>How a backfill ended: one run, or several summed up as one.</summary>
/// <param name="isInterrupted">Whether more runs were to come.</param>
internal sealed class RunSummary(
    PriceTable prices, string corpus, string model, IReadOnlyList<RunOutcome> outcomes, bool isInterrupted = false)
{
    /// <summary>How many failed items it names.</summary>
    public const int MostFailures = 10;

    private readonly BatchCounts _counts = outcomes.Aggregate(new BatchCounts(), (sum, outcome) => sum + outcome.Counts);

    private readonly RunOutcome _telling =
        outcomes.FirstOrDefault(outcome => outcome.Status is RunStatus.Failed or RunStatus.CapReached) ?? outcomes[^1];

    /// <summary>What the items are called.</summary>
    public ItemNoun Noun { get; init; } = ItemNoun.Any;

    /// <summary>Whether it was billed at half the price.</summary>
    public bool IsOnBatchLane { get; init; }

    /// <summary>Items that failed in it, the last first.</summary>
    public IReadOnlyList<FailedItem> Failures { get; init; } = [];

    /// <summary>Items in scope that failed and wait for their next attempt, and until when the first does.</summary>
    public (int Items, DateTimeOffset? Until) Waiting { get; init; }

    public int ExitCode => Status switch
    {
        RunStatus.Cancelled => Cli.ExitCode.Interrupted,
        RunStatus.Failed => Cli.ExitCode.Failed,
        RunStatus.CapReached => Cli.ExitCode.CapReached,
        _ => _counts.Failed > 0 || Waiting.Items > 0 ? Cli.ExitCode.WithFailures : Cli.ExitCode.Done,
    };

    private RunStatus Status => isInterrupted || outcomes[^1].Status == RunStatus.Cancelled ? RunStatus.Cancelled : _telling.Status;

    private int Succeeded => outcomes.Count(outcome => outcome.Status == RunStatus.Completed);

    // Of iterations, the first knows the least of what was pending: what they took is the better total.
    private int Total => outcomes.Count == 1 ? outcomes[0].ItemsTotal : _counts.Claimed;

    private int Skipped => _counts.Unchanged + _counts.Empty;

    // Of a run that did not come to its end, what it left counts too.
    private int Due => Math.Max(_counts.Processed + _counts.Failed, Status == RunStatus.Completed ? 0 : Total);

    private double? ProcessedShare => Due == 0 ? null : (double)_counts.Processed / Due;

    private double Seconds => outcomes.Sum(outcome => outcome.Seconds);

    private double? MillisecondsPerItem => _counts.Processed == 0 ? null : Math.Round(Seconds * 1_000 / _counts.Processed, 1);

    private double ItemsPerSecond => Math.Round(_counts.Processed / Math.Max(0.001, Seconds), 1);

    private double? ItemsPerRequest => _counts.Requests == 0 ? null
        : Math.Round((double)(_counts.Embedded + _counts.Changed + _counts.Failed - _counts.Cached) / _counts.Requests, 1);

    private decimal? Dollars => prices.Of(model, _counts.Tokens, IsOnBatchLane);

    private decimal? Saved => prices.Of(model, _counts.SavedTokens);

    private string Result => Status switch
    {
        RunStatus.Cancelled => "Interrupted",
        RunStatus.Failed => "Failed",
        RunStatus.CapReached => "Stopped at the cap of dollars",
        _ => _counts.Failed > 0 ? "Finished, some items failed"
            : Total == 0 ? Waiting.Items > 0 ? "Nothing to do now" : "Nothing to do"
            : Waiting.Items > 0 ? "Done, some items wait" : "Done",
    };

    /// <summary>What to do, if there is anything.</summary>
    public string? Advice => Status switch
    {
        RunStatus.Cancelled when IsOnBatchLane =>
            "Cancelled: what the provider had done by then was written, and the rest is pending.",
        RunStatus.Cancelled =>
            "Interrupted: what was in flight was stored or given back. The same command again goes on where this one stopped.",
        RunStatus.CapReached => _telling.Error,
        RunStatus.Failed =>
            $"The run failed: {_telling.Error}\n'embeddings doctor' looks at the database and the provider and says what to do.",
        _ => _counts.Failed > 0
            ? $"{_counts.Failed:N0} items failed: 'embeddings status {corpus}' says why. They are tried again later, three times in all. "
            + "No id is needed to resume: the same command takes what is pending."
            : Waiting.Items > 0
            ? $"{Noun.Count(Waiting.Items)} failed earlier and wait for their next attempt, the first until {Waiting.Until:HH:mm:ss} UTC: "
            + $"the same command then takes them, with --retry-now at once; 'embeddings failures list {corpus}' says why they failed."
            : _telling.Error,
    };

    public void Print(Output output) => output.Result(ForMachines(), ForPeople, Advice);

    private object ForMachines() => new
    {
        Corpus = corpus,
        Model = model,
        Status,
        _telling.Error,
        RunIds = outcomes.Select(outcome => outcome.RunId),
        RunsSucceeded = Succeeded,
        RunsFailed = outcomes.Count - Succeeded,
        Total,
        _counts.Processed,
        _counts.Embedded,
        Skipped,
        _counts.Unchanged,
        _counts.Cached,
        DollarsSaved = Saved,
        _counts.Empty,
        _counts.Changed,
        _counts.Failed,
        Failures = Failures.Select(failed => new { failed.Kind, failed.Id, failed.Reason }),
        Waiting = Waiting.Items,
        WaitingUntil = Waiting.Until,
        ProcessedShare,
        _counts.Requests,
        ItemsPerRequest,
        _counts.Tokens,
        Dollars,
        Seconds = Math.Round(Seconds, 2),
        MillisecondsPerItem,
        ItemsPerSecond,
    };

    private void ForPeople(TextWriter text)
    {
        var duration = TimeSpan.FromSeconds(Seconds);
        text.WriteLine("=== Backfill Summary ===");
        text.WriteLine($"Result:             {Result}");
        if (outcomes.Count > 1)
        {
            text.WriteLine($"Runs:               {outcomes.Count:N0} ({Succeeded:N0} succeeded, {outcomes.Count - Succeeded:N0} failed)");
        }

        text.WriteLine($"Total:              {Noun.Count(Total)}");
        text.WriteLine(
            "Processed:          "
                + $"{_counts.Processed:N0}{(ProcessedShare is { } share ? $" ({RunFigures.Percent(share)} of {Due:N0})" : "")}");
        text.WriteLine($"  Embedded:         {_counts.Embedded:N0}");
        text.WriteLine($"  Skipped:          {Skipped:N0} ({_counts.Unchanged:N0} unchanged, {_counts.Empty:N0} empty)");
        text.WriteLine($"Changed meanwhile:  {_counts.Changed:N0}");
        text.WriteLine($"Failed:             {_counts.Failed:N0}");
        if (Waiting.Items > 0)
        {
            text.WriteLine(
                $"Waiting:            {Waiting.Items:N0} (for their next attempt, the first until {Waiting.Until:HH:mm:ss} UTC)");
        }

        text.WriteLine($"Requests:           {_counts.Requests:N0}{(ItemsPerRequest is { } each ? $" ({each:N0} items each)" : "")}");
        text.WriteLine($"Tokens:             {_counts.Tokens:N0}");
        text.WriteLine($"Cost:               {RunFigures.Money(Dollars)}");
        text.WriteLine($"Cached:             {_counts.Cached:N0}{(_counts.Cached == 0 ? "" : $" (saved {RunFigures.Money(Saved)})")}");
        text.WriteLine($"Duration:           {RunFigures.Time(duration)}{duration:\\.ff}");
        text.WriteLine($"Average time:       {(MillisecondsPerItem is { } time ? $"{time:N1} ms per {Noun.One}" : "none")}");
        text.WriteLine($"Rate:               {ItemsPerSecond:N1} {Noun.Many}/s");
        foreach (var failed in Failures)
        {
            text.WriteLine($"  failed {failed.Kind}:{failed.Id}: {failed.Reason}");
        }
    }
}
