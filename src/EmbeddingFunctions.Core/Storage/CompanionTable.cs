using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>
/// The table beside an owner's, which has its keys, what its rows are ordered and divided by, and their vectors with their state.
/// </summary>
internal static class CompanionTable
{
    private const string DefaultSchema = "embedding";

    private const string SeenColumn = "embedding_seen";

    public static CatalogueTable Of(Corpus corpus, CorpusTable table, CatalogueTable found)
    {
        var suffix = corpus.Generation is { Number: > 1 and var number } ? $"@{number}" : "";
        var (schema, name) = table.Companion?.Split('.', 2) switch
        {
            [var declared, var own] => (declared, own + suffix),
            [var own] => (DefaultSchema, own + suffix),
            _ => (DefaultSchema, ObjectNames.Name($"vectors_{corpus.Name}", new CatalogueTable("", table.Kind, 'r', []))),
        };
        return new CatalogueTable(schema, name, 'r', found.Columns);
    }

    /// <summary>
    /// The companion's columns with those of the rows that the corpus reads. A row that is hidden from the role has none.
    /// </summary>
    public static SqlText Items(ResolvedTable resolved, Corpus corpus, CorpusTable table)
    {
        var own = OwnColumns(resolved, table).ToList();
        var read = TextTemplate.Parse(table.Text).Columns.SelectMany(resolved.ColumnsOf).Concat(table.Where.Values)
            .Concat(corpus.PendingView?.Columns ?? [])
            .Except(own).Distinct();
        var columns = own.Select(column => Sql.Of($"c.{Sql.Identifier(column)}"))
            .Concat(read.Select(column => Sql.Of($"s.{Sql.Identifier(column)}")));
        return $"(SELECT {Sql.Join(", ", columns)} FROM {resolved.Target} c JOIN {resolved.Table} s ON {SameKey(resolved, $"s.", $"c.")})";
    }

    /// <summary>
    /// All rows as they are, with the vectors and the state that there are of them, for searches: a condition on the vector leaves those
    /// that the companion has.
    /// </summary>
    public static SqlText AllRows(ResolvedTable resolved, CorpusTable table)
    {
        var kept = table.Columns.Always.Select(column => column.Column).Append(table.Vector)
            .Concat(table.KeyColumns.Count > 1 ? [Corpora.OwnColumns.Item] : [])
            .Concat(resolved.HasTriggers ? [] : [SeenColumn]).ToList();
        var columns = resolved.Copied.Concat(TextTemplate.Parse(table.Text).Columns.SelectMany(resolved.ColumnsOf))
            .Concat(table.Filter.Select(filter => filter.Column)).Concat(table.Where.Values)
            .Concat(resolved.SearchedNames.SelectMany(resolved.ColumnsOf)).Except(kept).Distinct()
            .Select(column => Sql.Of($"s.{Sql.Identifier(column)}"))
            .Concat(kept.Select(column => Sql.Of($"c.{Sql.Identifier(column)}")));
        var isSame = SameKey(resolved, $"s.", $"c.");
        return $"(SELECT {Sql.Join(", ", columns)} FROM {resolved.Table} s LEFT JOIN {resolved.Target} c ON {isSame})";
    }

    /// <summary>Whether two rows have one key.</summary>
    public static SqlText SameKey(ResolvedTable table, SqlText one, SqlText other) => Sql.Join(
        " AND ",
        table.KeyColumns.Select(key => Sql.Of(
            $"{one}{Sql.Identifier(key)} {table.Found.Columns[key].Is} {other}{Sql.Identifier(key)}")));

    /// <summary>The key columns of a row, in order.</summary>
    public static SqlText KeysOf(ResolvedTable table, SqlText row) =>
        Sql.Join(", ", table.KeyColumns.Select(key => Sql.Of($"{row}{Sql.Identifier(key)}")));

    /// <summary>The id of an item whose key has several columns.</summary>
    public static SqlText ItemOf(ResolvedTable table, SqlText row) =>
        $"""
        pg_catalog.jsonb_build_array(
            {Sql.Join(", ", table.KeyColumns.Select(key => Sql.Of($"{row}{Sql.Identifier(key)}::text")))})::text
        """;

    /// <summary>Of a source without triggers: what its row was when it was last looked at.</summary>
    public static readonly SqlText SeenName = Sql.Identifier(SeenColumn);

    /// <summary>The same of the row <c>t</c> as it is: of when it changed, where that is declared, or of its text.</summary>
    public static SqlText Seen(ResolvedTable table) =>
        $"""
        pg_catalog.sha256(pg_catalog.convert_to(ROW({(table.ChangedAt is { } changed ? changed : Sql.Join(", ", table.TextColumns))})::text,
            'UTF8'::name))
        """;

    /// <summary>The columns that a new row of the companion has from its owner's.</summary>
    public static SqlText Names(ResolvedTable table) => Sql.Join(
        ", ", table.Copied.Concat(table.KeyColumns.Count > 1 ? [Corpora.OwnColumns.Item] : []).Select(Sql.Identifier));

    /// <summary>The same of a row.</summary>
    public static SqlText Values(ResolvedTable table, SqlText row) => Sql.Join(
        ", ",
        table.Copied.Select(column => Sql.Of($"{row}{Sql.Identifier(column)}"))
            .Concat(table.KeyColumns.Count > 1 ? [ItemOf(table, row)] : []));

    /// <summary>After SET, of the row <c>c</c>: its text is another.</summary>
    /// <param name="table">The table.</param>
    /// <param name="edit">The time of the edit, see <see cref="EditTime"/>.</param>
    public static SqlText Unsettled(ResolvedTable table, SqlText edit)
    {
        var revision = Sql.Identifier(Corpora.OwnColumns.Revision);
        return $"{revision} = c.{revision} + 1, {table.RuleName} = {edit}";
    }

    /// <summary>
    /// Removes what is left of rows that are gone or meet the filter no more; nothing for a role that does not see all rows.
    /// </summary>
    public static SqlText RemoveOrphans(ResolvedTable table) =>
        $"""
        DELETE FROM {table.Target} c
        WHERE  NOT pg_catalog.row_security_active({Sql.Literal(table.QuotedName)}::pg_catalog.regclass)
        AND    NOT EXISTS (
            SELECT FROM {table.Table} t
            WHERE  {SameKey(table, Sql.Of($"t."), Sql.Of($"c."))} AND (true{table.DeclaredFilter}) IS TRUE)
        """;

    private static IEnumerable<string> OwnColumns(ResolvedTable resolved, CorpusTable table) =>
    [
        .. resolved.Copied, .. table.Columns.Always.Select(column => column.Column), table.Vector, Corpora.OwnColumns.Revision,
        .. table.KeyColumns.Count > 1 ? [Corpora.OwnColumns.Item] : Array.Empty<string>(),
    ];
}
