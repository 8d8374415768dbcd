using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// Where a generation is kept. The live one has the declared names and all that a corpus has once: its views, its queue, its copies. Of
/// vectors within the rows' own table, the other generation has columns and tables beside them, whose names end with its number. Beside the
/// rows each keeps the tables that it was made with, and a view has the live one's.
/// </summary>
internal static class PlacedGeneration
{
    public static Corpus Of(Corpus corpus)
    {
        if (corpus is { Store: Store.Table, Generation.Number: > 1 and var nth })
        {
            corpus = corpus with { Tables = corpus.Tables.Select(table => table with { Chunks = Of(table.Chunks, nth) }).ToList() };
        }

        if (corpus.Generation is not { IsLive: false, Number: var number })
        {
            return corpus;
        }

        var other = corpus with { SimilarityCache = false, JobsView = null, PendingView = null };
        return corpus.Store == Store.Table ? other : other with { Tables = corpus.Tables.Select(table => Of(table, number)).ToList() };
    }

    private static Chunks? Of(Chunks? chunks, int number) =>
        chunks is null ? null : chunks with { Table = Name(chunks.Table, number) };

    private static string Name(string name, int number) => ObjectNames.Ending(name, $"_g{number}");

    /// <summary>Ends the names of objects that a generation has for itself; empty for the live one.</summary>
    public static string Suffix(Corpus corpus) =>
        corpus is { Store: Store.Column, Generation: { IsLive: false, Number: var number } } ? $"@{number}" : "";

    /// <summary>The columns that a generation has in the rows' own table; what a queue asked for is the corpus's.</summary>
    public static IEnumerable<string> ColumnsOf(CorpusTable table) =>
        table.Columns.Always.Select(column => column.Column).Prepend(table.Vector);

    private static CorpusTable Of(CorpusTable table, int number)
    {
        string Name(string name) => PlacedGeneration.Name(name, number);
        var columns = table.Columns;
        return table with
        {
            Vector = Name(table.Vector),
            Columns = columns with
            {
                GeneratedAt = Name(columns.GeneratedAt),
                Model = Name(columns.Model),
                Rule = Name(columns.Rule),
                Truncated = Name(columns.Truncated),
                ContentHash = Name(columns.ContentHash),
                State = Name(columns.State),
            },
            Chunks = Of(table.Chunks, number),
            TextSearch = null,
        };
    }
}
