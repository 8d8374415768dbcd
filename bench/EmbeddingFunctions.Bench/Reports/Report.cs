namespace EmbeddingFunctions.Bench.Reports;

/// <summary>Tables as they become known, in a form that README takes as it is; the goals together at the end.</summary>
internal sealed class Report(TextWriter output)
{
    private readonly List<Goal> _goals = [];

    public void Begin(string title) => output.WriteLine($"\n## {title}\n");

    public void Note(string line) => output.WriteLine(line);

    public void Add(Goal goal) => _goals.Add(goal);

    /// <param name="header">The columns' names; the first column is text, the others are numbers.</param>
    /// <param name="rows">As many cells each as the header.</param>
    public void Table(IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows)
    {
        var lines = rows.Prepend(header).ToList();
        var widths = header.Select((_, column) => lines.Max(line => line[column].Length)).ToList();
        foreach (var (line, i) in lines.Select((line, i) => (line, i)))
        {
            var cells = line.Select((cell, column) => column == 0 ? cell.PadRight(widths[0]) : cell.PadLeft(widths[column]));
            output.WriteLine($"| {string.Join(" | ", cells)} |");
            if (i == 0)
            {
                output.WriteLine(
                    $"|{string.Join("|", widths.Select((width, column) => new string('-', width + 1) + (column == 0 ? "-" : ":")))}|");
            }
        }

        output.WriteLine();
        output.Flush();
    }

    public void PrintGoals()
    {
        Begin("goals");
        Table(
            ["goal", "target", "measured", ""],
            _goals.Select(goal => new[] { goal.What, goal.Target, goal.Measured, goal.IsMet ? "met" : "short" }));
    }
}
