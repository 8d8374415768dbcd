using Spectre.Console;
using Spectre.Console.Rendering;

namespace EmbeddingFunctions.Cli;

/// <summary>A run's figures beside its bar, a line each, cut where the terminal ends.</summary>
internal sealed class FiguresColumn(RunFigures figures, int left) : ProgressColumn
{
    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
    {
        var width = Math.Max(10, options.ConsoleSize.Width - left);
        return new Rows(
            figures.Lines.DefaultIfEmpty("starting").Select(line => new Text(line.Length <= width ? line : line[..(width - 1)] + "…")));
    }
}
