using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// Where a generation is kept. The live one has the declared names and all that a corpus has once: its views, its queue, its copies. Of
/// vectors within the rows' own table, the other generation has columns and tables beside them, whose names end with its number.
/// </summary>
internal static class PlacedGeneration
{
    public static Corpus Of(Corpus corpus)
    {
        if (corpus.Generation is not { IsLive: false, Number: var number })
        {
            return corpus;
        }

        var other = corpus with { SimilarityCache = false, JobsView = null, PendingView = null };
        return corpus.Store == Store.Table ? other : other with { Tables = corpus.Tables.Select(table => Of(table, number)).ToList() };
    }

    /// <summary>Ends the names of objects that a generation has for itself; empty for the live one.</summary>
    public static string Suffix(Corpus corpus) =>
        corpus is { Store: Store.Column, Generation: { IsLive: false, Number: var number } } ? $"@{number}" : "";

    /// <summary>The columns that a generation has in the rows' own table; what a queue asked for is the corpus's.</summary>
    public static IEnumerable<string> ColumnsOf(CorpusTable table) =>
        table.Columns.Always.Select(column => column.Column).Prepend(table.Vector);

    private static CorpusTable Of(CorpusTable table, int number)
    {
        string Name(string name) => ObjectNames.Ending(name, $"_g{number}");
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
            Chunks = table.Chunks is { } chunks ? chunks with { Table = Name(chunks.Table) } : null,
            TextSearch = null,
        };
    }
}
