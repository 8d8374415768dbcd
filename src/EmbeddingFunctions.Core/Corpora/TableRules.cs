namespace EmbeddingFunctions.Corpora;

/// <summary>What the tables of a declaration must satisfy.</summary>
internal static class TableRules
{
    public static IEnumerable<DeclarationFault> Check(Corpus corpus) =>
        (corpus.Tables.Count == 0 ? ["it has no tables"] : CorpusRules.Repeated(corpus.Tables.Select(t => t.Kind), kind => $"two tables have the kind '{kind}'"))
            .Concat(CheckShared(corpus)).Select(message => new DeclarationFault("tables", message))
            .Concat(corpus.Tables.SelectMany((table, i) => Check(corpus, table).Select(fault => fault.Within(PathOf(i), table.Kind))));

    public static string PathOf(int table) => $"tables[{table}]";

    // One table may hold several kinds, if it can be told which row is of which.
    private static IEnumerable<string> CheckShared(Corpus corpus) =>
        corpus.Tables.GroupBy(table => table.Table)
            .Where(group => group.Count() > 1 && group.Select(Filter).Append("").Distinct().Count() <= group.Count())
            .Select(group => $"{string.Join(" and ", group.Select(t => t.Kind))} are both in the table '{group.Key}': give each a filter of its own")
            .Concat(corpus.Tables.Where(table => table.TextSearch is not null).GroupBy(table => table.Table).Where(group => group.Count() > 1)
                .Select(group => $"{string.Join(" and ", group.Select(t => t.Kind))} both declare a textSearch of the table '{group.Key}': leave it to one"));

    private static string Filter(CorpusTable table) =>
        string.Join(' ', table.Filter.Select(filter => $"{filter.Column}={filter.EqualTo ?? "\0"}").Order());

    private static IEnumerable<DeclarationFault> Check(Corpus corpus, CorpusTable table)
    {
        if (!CorpusRules.IsName(table.Kind))
        {
            yield return new("kind", "its kind is not 1 to 40 of a-z, 0-9, _ and -, beginning with a letter");
        }

        if (corpus.Partitions is not null && table.Partition is null)
        {
            yield return new("", "partitions are declared, so the table needs a partition column");
        }

        if (corpus.Partitions is null && table.Partition is not null)
        {
            yield return new("partition", "it has a partition column, but the corpus does not say in 'partitions' which may embed");
        }

        if (TextTemplate.Problem(table.Text) is { } problem)
        {
            yield return new("text", $"the text '{table.Text}' {problem}");
        }

        foreach (var (name, _) in table.Where.Where(named => !CorpusRules.IsName(named.Key) || string.IsNullOrEmpty(named.Value)))
        {
            yield return new("where", $"where has '{name}'; it takes names of a-z, 0-9, _ and -, beginning with a letter, each with its column");
        }
    }
}
