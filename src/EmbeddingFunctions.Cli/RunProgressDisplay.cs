using System.Diagnostics;
using EmbeddingFunctions.Runs;
using Spectre.Console;

namespace EmbeddingFunctions.Cli;

/// <summary>Shows a run as it goes: a bar on a terminal, a plain line every few seconds elsewhere.</summary>
internal static class RunProgressDisplay
{
    private static readonly TimeSpan _between = TimeSpan.FromSeconds(3);

    public static Task<RunOutcome> Show(Output output, string model, Func<Action<RunProgress>, Task<RunOutcome>> run) =>
        output.Terminal.Profile.Capabilities.Interactive && !Console.IsErrorRedirected ? Bar(output, model, run) : Lines(output, model, run);

    private static Task<RunOutcome> Bar(Output output, string model, Func<Action<RunProgress>, Task<RunOutcome>> run) =>
        output.Terminal.Progress()
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .StartAsync(async progress =>
            {
                var watch = Stopwatch.StartNew();
                var task = progress.AddTask("starting", autoStart: true, maxValue: 1);
                var outcome = await run(report =>
                {
                    task.MaxValue = Math.Max(1, report.ItemsTotal);
                    task.Value = report.Counts.Processed + report.Counts.Failed;
                    task.Description = Markup.Escape(Describe(report, model, watch.Elapsed));
                });
                task.Value = outcome.Status == RunStatus.Completed ? task.MaxValue : task.Value;
                return outcome;
            });

    private static async Task<RunOutcome> Lines(Output output, string model, Func<Action<RunProgress>, Task<RunOutcome>> run)
    {
        var (watch, last, note) = (Stopwatch.StartNew(), TimeSpan.Zero, (string?)null);
        return await run(report =>
        {
            if (watch.Elapsed - last >= _between || report.Note != note)
            {
                (last, note) = (watch.Elapsed, report.Note);
                output.Note(Describe(report, model, watch.Elapsed));
            }
        });
    }

    private static string Describe(RunProgress report, string model, TimeSpan elapsed)
    {
        var done = report.Counts.Processed + report.Counts.Failed;
        var rate = done / Math.Max(0.001, elapsed.TotalSeconds);
        var eta = rate > 0 ? TimeSpan.FromSeconds(Math.Max(0, report.ItemsTotal - done) / rate) : TimeSpan.Zero;
        return report.Note is not null && done == 0 ? report.Note
            : $"{done:N0}/{report.ItemsTotal:N0} items, {rate:N0}/s, ETA {eta:hh\\:mm\\:ss}, {report.Counts.Tokens:N0} tokens, {RunSummary.Dollars(Price.Of(model, report.Counts.Tokens))}"
              + (report.Counts.Failed > 0 ? $", {report.Counts.Failed:N0} failed" : "")
              + (report.Note is null ? "" : $" – {report.Note}");
    }
}
