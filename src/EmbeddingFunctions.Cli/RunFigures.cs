using System.Diagnostics;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Cli;

/// <summary>What a run's reports say so far, in words for people.</summary>
internal sealed class RunFigures(PriceTable prices, string model, ItemNoun noun, bool isOnBatchLane = false)
{
    // Of less time than this a rate says nothing.
    private static readonly TimeSpan _shortest = TimeSpan.FromSeconds(1);

    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private RunProgress _report = new(new(), 0);

    /// <summary>From 0 to 1.</summary>
    public double Share => Total == 0 ? 0 : Math.Min(1, (double)Done / Total);

    /// <summary>Items that are settled or failed.</summary>
    public int Done => _report.Counts.Processed + _report.Counts.Failed;

    /// <summary>What the run waits for, or null.</summary>
    public string? Note => _report.Note;

    /// <summary>Beside a bar: how far it is and how fast; how long it took and what it used; what it waits for.</summary>
    public IEnumerable<string> Lines =>
        new[]
        {
            Total == 0 ? null : $"{Done:N0}/{Total:N0} items{Speed()}",
            Total == 0 ? null : $"{Elapsed}, {Used()}{Failed()}",
            Note
        }.OfType<string>();

    /// <summary>The same as one line, with all that is counted.</summary>
    public string Line => string.Join(", ", new[] { Total == 0 ? null : Progress(), Note }.OfType<string>());

    private int Total => Math.Max(_report.ItemsTotal, Done);

    private string Elapsed => $"elapsed {Time(_watch.Elapsed)}";

    public void Take(RunProgress report)
    {
        _report = report;
        if (report.ItemsTotal == 0)
        {
            // It waits for its start slot, which is no part of its speed.
            _watch.Reset();
        }
        else
        {
            _watch.Start();
        }
    }

    /// <summary>Hours do not end at 24.</summary>
    public static string Time(TimeSpan time) => $"{(long)time.TotalHours:00}:{time:mm\\:ss}";

    public static string Money(decimal? dollars) => dollars is null ? "price unknown" : $"${dollars:0.0000}";

    /// <summary>A share in percent; cut, not rounded, so that 100 is all.</summary>
    public static string Percent(double share) => $"{Math.Floor(Math.Round(share * 1_000, 6)) / 10:0.0}%";

    private string Progress() =>
        $"Progress: {Done:N0}/{Total:N0} {noun.Many} ({Percent(Share)}) - processed: {_report.Counts.Processed:N0}, "
        + $"skipped: {_report.Counts.Unchanged + _report.Counts.Empty:N0}, failed: {_report.Counts.Failed:N0}{Speed()}, {Elapsed}, "
            + $"{Used()}";

    private string Used() => $"{_report.Counts.Tokens:N0} tokens, {Money(prices.Of(model, _report.Counts.Tokens, isOnBatchLane))}";

    private string Failed() => _report.Counts.Failed > 0 ? $", {_report.Counts.Failed:N0} failed" : "";

    private string Speed()
    {
        var rate = Done / _watch.Elapsed.TotalSeconds;
        return Done == 0 || _watch.Elapsed < _shortest ? ""
            : $", {rate.ToString(rate < 10 ? "N1" : "N0")}/s, ETA {Time(TimeSpan.FromSeconds((Total - Done) / rate))}";
    }
}
