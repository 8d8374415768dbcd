namespace EmbeddingFunctions.Corpora;

/// <summary>The rules for how a table is searched, which need no database.</summary>
internal static class SearchRules
{
    public static IEnumerable<DeclarationFault> Check(CorpusTable table)
    {
        if (table.Search is not { } search)
        {
            yield break;
        }

        if (search is { Language: not null, LanguageColumn: not null })
        {
            yield return new("search.language", "search has a language and a languageColumn; it takes one of them");
        }

        if (table.TextSearch is not null && HasWords(search))
        {
            yield return new(
                "search",
                "textSearch has the words of this table already: declare its language there, and no language, weights or identifiers in "
                    + "search");
        }

        foreach (var message in CorpusRules.Repeated(search.Columns, column => $"search.columns names '{column}' twice"))
        {
            yield return new("search.columns", message);
        }
    }

    /// <summary>All names in the declaration, which are columns, expressions or paths into JSON as those of the text.</summary>
    public static IEnumerable<string> Names(CorpusTable table) => table.Search is not { } search ? []
        : new[] { search.Title, search.LanguageColumn }.OfType<string>().Concat(search.Weights.Keys).Concat(search.Identifiers)
            .Concat(search.Columns).Distinct();

    private static bool HasWords(TableSearch search) =>
        search.Language is not null || search.LanguageColumn is not null || search.Weights.Count > 0 || search.Identifiers.Count > 0;
}
