namespace EmbeddingFunctions.Corpora;

/// <summary>The rules for where vectors are kept, which need no database.</summary>
internal static class StoreRules
{
    private const string Remedy = "\"store\": \"column\" in the corpus";

    public static IEnumerable<DeclarationFault> Check(Corpus corpus, CorpusTable table) =>
        corpus.Store == Store.Table ? Beside(corpus, table) : Within(table);

    private static IEnumerable<DeclarationFault> Within(CorpusTable table)
    {
        if (table.Companion is not null)
        {
            yield return new("companion", "a companion table is kept with \"store\": \"table\" in the corpus only");
        }

        if (table.View is not null)
        {
            yield return new("view", "a view of rows with their vectors is made with \"store\": \"table\" only");
        }

        if (table.Key.Count > 1)
        {
            yield return new("key", "a key of several columns needs \"store\": \"table\" in the corpus");
        }
    }

    private static IEnumerable<DeclarationFault> Beside(Corpus corpus, CorpusTable table)
    {
        if (table.Queue != QueuedText.None)
        {
            yield return new("queue", $"a queue needs {Remedy}");
        }

        if (table.TextSearch is not null)
        {
            yield return new("textSearch", $"textSearch adds a column to the table, which needs {Remedy}");
        }

        if (table.Companion is { } companion && !companion.Split('.', 2).All(CorpusRules.IsTableName))
        {
            yield return new("companion", $"companion is '{companion}'; it takes a table's name, optionally with its schema");
        }

        if (table.View is { } view && !view.Split('.', 2).All(CorpusRules.IsTableName))
        {
            yield return new("view", $"view is '{view}'; it takes a view's name, optionally with its schema");
        }

        foreach (var message in CorpusRules.Repeated(table.KeyColumns, column => $"the key names '{column}' twice"))
        {
            yield return new("key", message);
        }

        var own = table.Columns.Always.Select(column => column.Column).Concat([table.Vector, OwnColumns.Revision, OwnColumns.Item])
            .ToList();
        var used = TextTemplate.Problem(table.Text) is null ? TextTemplate.Parse(table.Text).Columns : [];
        var read = (table.Expressions?.Values ?? []).SelectMany(SqlExpression.Names);
        var columns = used.Concat(read).Concat(Copied(table)).Concat(table.Where.Values).Concat(SearchRules.Names(table))
            .Concat(corpus.PendingView?.Columns ?? []);
        foreach (var column in columns.Distinct())
        {
            if (own.Contains(column))
            {
                yield return new(
                    "columns",
                    $"the table's own column '{column}' has the name of one of the companion's: declare another name for ours in "
                        + "'columns' or "
                        + "'vector'");
            }
        }
    }

    /// <summary>The columns of the rows that a companion table has too: what it is ordered, divided and joined by.</summary>
    public static IEnumerable<string> Copied(CorpusTable table) =>
        table.KeyColumns.Concat(new[] { table.Partition, table.ChangedAt, table.CreatedAt }.OfType<string>()).Distinct();
}
