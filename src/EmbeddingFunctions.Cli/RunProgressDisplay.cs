using System.Diagnostics;
using EmbeddingFunctions.Runs;
using Spectre.Console;

namespace EmbeddingFunctions.Cli;

/// <summary>Shows a run as it goes: a bar on a terminal, a plain line every few seconds elsewhere.</summary>
internal static class RunProgressDisplay
{
    private const int BarWidth = 20;
    private const int PercentageWidth = 4;
    private const int Gaps = 3;

    private static readonly TimeSpan _between = TimeSpan.FromSeconds(3);

    public static Task<RunOutcome> Show(Output output, string model, Func<Action<RunProgress>, Task<RunOutcome>> run)
    {
        var terminal = Output.Terminal.Profile.Capabilities;
        return terminal.Interactive && terminal.Ansi && !Console.IsErrorRedirected
            ? Bar(new RunFigures(model), run)
            : Lines(output, new RunFigures(model), run);
    }

    // The bar goes when the run ends, and its last figures stay: of a run that is refused there is nothing to see.
    private static async Task<RunOutcome> Bar(RunFigures figures, Func<Action<RunProgress>, Task<RunOutcome>> run)
    {
        var outcome = await Output.Terminal.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn { Width = BarWidth }, new PercentageColumn(), new FiguresColumn(figures, BarWidth + PercentageWidth + Gaps))
            .StartAsync(async progress =>
            {
                var task = progress.AddTask("run", maxValue: 1);
                return await run(report =>
                {
                    figures.Take(report);
                    task.Value = figures.Share;
                });
            });
        if (figures.Lines.Any())
        {
            Output.Terminal.WriteLine(string.Join(", ", figures.Lines));
        }

        return outcome;
    }

    private static async Task<RunOutcome> Lines(Output output, RunFigures figures, Func<Action<RunProgress>, Task<RunOutcome>> run)
    {
        var (watch, last, note) = (Stopwatch.StartNew(), TimeSpan.Zero, (string?)null);
        return await run(report =>
        {
            figures.Take(report);
            if (watch.Elapsed - last >= _between || (report.Note is not null && report.Note != note))
            {
                (last, note) = (watch.Elapsed, report.Note);
                output.Note(string.Join(", ", figures.Lines));
            }
        });
    }
}
