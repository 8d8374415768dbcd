using System.Diagnostics;
using EmbeddingFunctions.Runs;
using Spectre.Console;

namespace EmbeddingFunctions.Cli;

/// <summary>Shows a run as it goes: what it found, then a bar on a terminal, a plain line every few seconds elsewhere.</summary>
/// <param name="isOneOfSeveral">Then what one found and how one ended is not worth a line.</param>
internal sealed class RunProgressDisplay(Output output, RunFigures figures, ItemNoun noun, bool isOneOfSeveral)
{
    private const int BarWidth = 20;
    private const int PercentageWidth = 4;
    private const int Gaps = 3;

    private static readonly TimeSpan _between = TimeSpan.FromSeconds(3);

    private readonly RunFigures _figures = figures;
    private bool _hasFound;

    public async Task<RunOutcome> Show(Func<Action<RunProgress>, Task<RunOutcome>> run)
    {
        var terminal = Output.Terminal.Profile.Capabilities;
        var outcome = terminal.Interactive && terminal.Ansi && !Console.IsErrorRedirected
            ? await Bar(run)
            : await Lines(run);
        if (outcome.Status == RunStatus.Completed)
        {
            Found(outcome.ItemsTotal, output.Note);
        }

        return outcome;
    }

    // The bar goes when the run ends, and its last figures stay: of a run that is refused there is nothing to see.
    private async Task<RunOutcome> Bar(Func<Action<RunProgress>, Task<RunOutcome>> run)
    {
        var outcome = await Output.Terminal.Progress()
            .AutoClear(true)
            .Columns(
                new ProgressBarColumn { Width = BarWidth }, new PercentageColumn(),
                new FiguresColumn(_figures, BarWidth + PercentageWidth + Gaps))
            .StartAsync(async progress =>
            {
                var task = progress.AddTask("run", maxValue: 1);
                return await run(report =>
                {
                    Take(report, Output.Terminal.WriteLine);
                    task.Value = _figures.Share;
                });
            });
        if (_figures.Lines.Any())
        {
            Output.Terminal.WriteLine(string.Join(", ", _figures.Lines));
        }

        return outcome;
    }

    private async Task<RunOutcome> Lines(Func<Action<RunProgress>, Task<RunOutcome>> run)
    {
        var (watch, last, shown, note) = (Stopwatch.StartNew(), TimeSpan.Zero, isOneOfSeveral ? -1 : 0, (string?)null);
        var outcome = await run(report =>
        {
            Take(report, output.Note);
            var isFirst = shown == 0 && _figures.Done > 0;
            if (isFirst || watch.Elapsed - last >= _between || (report.Note is not null && report.Note != note))
            {
                (last, shown, note) = (watch.Elapsed, _figures.Done, report.Note);
                output.Note(_figures.Line);
            }
        });
        if (!isOneOfSeveral && _figures.Done > shown)
        {
            output.Note(_figures.Line);
        }

        return outcome;
    }

    private void Take(RunProgress report, Action<string> say)
    {
        _figures.Take(report);
        if (report.ItemsTotal > 0)
        {
            Found(report.ItemsTotal, say);
        }
    }

    private void Found(int items, Action<string> say)
    {
        if (!_hasFound && !isOneOfSeveral)
        {
            _hasFound = true;
            say($"Found {noun.Count(items)} to process.");
        }
    }
}
