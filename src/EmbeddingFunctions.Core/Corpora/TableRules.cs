namespace EmbeddingFunctions.Corpora;

/// <summary>The rules that a declaration's tables must satisfy.</summary>
internal static class TableRules
{
    // A document in chunks as small as words would be more vectors than text.
    private const int MinChunk = 50;

    // OpenAI's longest input.
    private const int MaxChunk = 8_191;

    public static IEnumerable<DeclarationFault> Check(Corpus corpus) =>
        (
            corpus.Tables.Count == 0
                ? ["it has no tables"]
                : CorpusRules.Repeated(corpus.Tables.Select(t => t.Kind), kind => $"two tables have the kind '{kind}'"))
            .Concat(corpus.Store == Store.Column ? CheckKindsExcludeEachOther(corpus) : [])
                .Select(message => new DeclarationFault("tables", message))
            .Concat(corpus.Tables.SelectMany((table, i) => Check(corpus, table).Select(fault => fault.Within(PathOf(i), table.Kind))));

    public static string PathOf(int table) => $"tables[{table}]";

    // One table may hold several kinds if no row is of two: each would replace the other's vector, endlessly.
    private static IEnumerable<string> CheckKindsExcludeEachOther(Corpus corpus) =>
        corpus.Tables.SelectMany(
            (table, i) =>
                corpus.Tables.Skip(i + 1).Where(other => other.Table == table.Table && !Exclude(table, other))
                    .Select(other => (One: table, Other: other)))
            .Select(
                pair =>
                    $"{pair.One.Kind} and {pair.Other.Kind} are both in the table '{pair.One.Table}': give each a filter on the same "
                        + "column, for another value")
            .Concat(corpus.Tables.GroupBy(table => table.Table).Where(group => group.DistinctBy(table => table.Vector).Count() > 1)
                .Select(
                    group =>
                        $"{string.Join(" and ", group.Select(t => t.Kind))} keep their vectors in different columns of '{group.Key}': a "
                            + "row holds one vector"))
            .Concat(
                corpus.Tables.GroupBy(table => table.Table)
                    .Where(group => group.Count() > 1 && group.Any(table => table.Queue != QueuedText.None))
                .Select(
                    group =>
                        $"{string.Join(" and ", group.Select(t => t.Kind))} are both in the table '{group.Key}': with a queue it holds "
                            + "one kind"))
            .Concat(
                corpus.Tables.Where(table => table.TextSearch is not null).GroupBy(table => table.Table).Where(group => group.Count() > 1)
                .Select(
                    group =>
                        $"{string.Join(" and ", group.Select(t => t.Kind))} both declare a textSearch of the table '{group.Key}': leave "
                            + "it to one"))
            .Concat(
                corpus.Tables.Where(table => table.Chunks is not null).GroupBy(table => table.Chunks!.Table)
                    .Where(group => group.DistinctBy(table => table.Table).Count() > 1)
                .Select(
                    group =>
                        $"{string.Join(" and ", group.Select(t => t.Kind))} both keep chunks in '{group.Key}': give each table its own"));

    private static IEnumerable<string> CheckChunks(CorpusTable table)
    {
        if ((table.Chunks is null) != (table.LongText != LongText.Chunk))
        {
            yield return "longText 'chunk' needs chunks and no other longText takes them: \"chunks\": { \"table\": \"article_chunks\" }";
        }

        if (table.Chunks is not { } chunks)
        {
            yield break;
        }

        if (!CorpusRules.IsTableName(chunks.Table) || chunks.Table == table.Table)
        {
            yield return $"the chunks' table is '{chunks.Table}'; it takes a name of its own, of 1 to 63 bytes";
        }

        if (chunks.MaxTokens is < MinChunk or > MaxChunk || chunks.OverlapTokens < 0 || chunks.OverlapTokens > chunks.MaxTokens / 2)
        {
            yield return $"chunks have maxTokens {chunks.MaxTokens} and overlapTokens {chunks.OverlapTokens}; maxTokens takes {MinChunk} "
                + $"to {MaxChunk}, overlapTokens 0 to half of it";
        }
    }

    private static bool Exclude(CorpusTable one, CorpusTable other) => one.Filter.Any(filter => other.Filter.Any(filter.Excludes));

    /// <summary>A filter says what it keeps: it was read as the opposite by everyone where it did not.</summary>
    internal static IEnumerable<DeclarationFault> CheckFilters(IReadOnlyList<ColumnFilter> filters) =>
        from one in filters.Select((filter, i) => (Filter: filter, Place: i))
        let declared = one.Filter.Declared.ToList()
        let problem = declared.Count switch
        {
            0 => $"the filter on '{one.Filter.Column}' does not say what it keeps: write {{ \"column\": \"{one.Filter.Column}\", "
                + "\"isNull\": true } for the rows without a value, false for those with one; docs/corpora.md has the other conditions",
            > 1 when declared is not ["<", ">"] =>
                $"the filter on '{one.Filter.Column}' has {string.Join(" and ", declared)}; it takes one of them, or < with >. "
                    + "A second filter on the column may have the other",
            _ when one.Filter.In is [] => $"the filter on '{one.Filter.Column}' has an empty list in 'in', which keeps no row",
            _ => null,
        }
        where problem is not null
        select new DeclarationFault($"filter[{one.Place}]", problem);

    private static IEnumerable<DeclarationFault> Check(Corpus corpus, CorpusTable table)
    {
        foreach (var fault in CheckFilters(table.Filter).Concat(StoreRules.Check(corpus, table)).Concat(SearchRules.Check(table)))
        {
            yield return fault;
        }

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

        foreach (var (name, expression) in table.Expressions ?? new Dictionary<string, string>())
        {
            if (!CorpusRules.IsName(name))
            {
                yield return new("expressions", $"expressions has '{name}'; it takes names of a-z, 0-9, _ and -, beginning with a letter");
            }
            else if (SqlExpression.Problem(expression) is { } why)
            {
                yield return new($"expressions.{name}", $"the expression '{name}', {expression}, {why}");
            }
        }

        var own = table.Columns.Of(QueuedText.Content).ToList();
        foreach (
            var (property, column, _) in own.Where(
                column => !CorpusRules.IsTableName(column.Column) || column.Column.IndexOfAny(['{', '}']) >= 0))
        {
            yield return new(
                $"columns.{property}", $"columns.{property} is '{column}'; it takes a column's name of 1 to 63 bytes, without braces");
        }

        foreach (
            var message in CorpusRules.Repeated(own.Select(column => column.Column), column => $"two of its columns are called '{column}'"))
        {
            yield return new("columns", message);
        }

        if (!CorpusRules.IsTableName(table.Vector) || own.Any(column => column.Column == table.Vector))
        {
            yield return new("vector", $"vector is '{table.Vector}'; it takes the name of a column of its own, of 1 to 63 bytes");
        }

        foreach (var message in CheckChunks(table))
        {
            yield return new("chunks", message);
        }

        foreach (var (name, _) in table.Where.Where(named => !CorpusRules.IsName(named.Key) || string.IsNullOrEmpty(named.Value)))
        {
            yield return new(
                "where", $"where has '{name}'; it takes names of a-z, 0-9, _ and -, beginning with a letter, each with its column");
        }
    }
}
