using EmbeddingFunctions.Search;
using Spectre.Console;

namespace EmbeddingFunctions.Cli.Search;

/// <summary>The answer to a search for people.</summary>
internal static class SearchTable
{
    private const int Bar = 10;

    // What a page of a terminal or a log has, where its width is not known.
    private const int Width = 100;

    public static void Print(SearchResponse answer, TextWriter text)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(text) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = Width;
        }

        if (answer.Degraded is { } degraded)
        {
            console.MarkupLineInterpolated($"[yellow]{degraded}[/]");
        }

        if (answer.Results.Count == 0)
        {
            console.MarkupLine("Nothing was found.");
        }

        var number = 0;
        foreach (var result in answer.Results)
        {
            var head = new Markup(
                $"{++number,3}  {Similarity(result)}  [dim]{Markup.Escape($"{result.Kind}:{result.Id}")}{Ranks(result)}[/]"
                    + (result.Stale ? " [yellow](of an earlier text)[/]" : ""));
            console.Write(head);
            console.WriteLine();
            console.Write(new Padder(
                new Rows(Passages(result).Select((line, i) => new Markup(i == 0 ? $"[bold]{line}[/]" : $"[dim]{line}[/]"))),
                new Padding(5, 0, 0, 0)));
        }

        console.WriteLine();
        var more = answer.Next is { } next ? $"; more: --cursor {next}" : "";
        console.MarkupLineInterpolated($"[dim]{answer.Timings.Total:0} ms ({answer.Timings.Embedding:0} for the query's vector){more}[/]");
    }

    private static IEnumerable<string> Passages(SearchResult result)
    {
        var (title, snippet) = (OneLine(result.Title), OneLine(result.Snippet));
        yield return Markup.Escape(title.Length > 0 ? title : "(no title)");
        if (snippet.Length > 0 && snippet != title)
        {
            yield return Markup.Escape(snippet.Length > 2 * Width ? $"{snippet[..(2 * Width)]}…" : snippet);
        }
    }

    private static string Similarity(SearchResult result)
    {
        if (result.Similarity is not { } similarity)
        {
            return $"[dim]{new string('·', Bar)}[/]  —  ";
        }

        var full = (int)Math.Round(similarity * Bar);
        return $"[green]{new string('█', full)}[/][dim]{new string('░', Bar - full)}[/] {similarity:0.00}";
    }

    private static string Ranks(SearchResult result) => (result.VectorRank, result.TextRank) switch
    {
        ({ } meaning, { } words) => $"  meaning {meaning}, words {words}",
        ({ } meaning, null) => $"  meaning {meaning}",
        (null, { } words) => $"  words {words}",
        _ => "",
    };

    private static string OneLine(string? text) =>
        string.Join(' ', (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .Replace("\u001b", "", StringComparison.Ordinal);
}
