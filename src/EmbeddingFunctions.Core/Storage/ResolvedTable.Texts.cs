using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>What a text is made of.</summary>
internal sealed partial class ResolvedTable
{
    /// <summary>The text's columns, as text, in the template's order.</summary>
    public IReadOnlyList<SqlText> TextColumns => field ??= Template.Columns.Select(Text).ToList();

    /// <summary>The declared expressions that the text has: their names, what was declared, and the functions that compute them.</summary>
    public IEnumerable<(string Name, string Sql, string Function)> Expressions =>
        from name in Declared.Columns
        let sql = table.Expressions?.GetValueOrDefault(name)
        where sql is not null && !found.Columns.ContainsKey(name)
        select (name, sql, ObjectNames.Function("expression", Holder with { Name = $"{corpus.Name}_{Kind}_{name}" }));

    /// <summary>The columns that a name in the text reads.</summary>
    public IEnumerable<string> ColumnsOf(string name) => found.ColumnsOf(table, name);

    /// <summary>
    /// A column as text; of an array the words with a space between them; of a row that came past the triggers its text as declared.
    /// </summary>
    public SqlText Text(string column) =>
        found.Columns.TryGetValue(column, out var type) && type.Type.EndsWith("[]", StringComparison.Ordinal)
        ? Sql.Of($"pg_catalog.array_to_string({Column(column)}, ' ')")
        : column == table.Columns.Content && table.Queue == QueuedText.Content && row == DefaultRow
            ? Sql.Of($"COALESCE({Column(column)}, {Rendered})")
        : Expressions.FirstOrDefault(expression => expression.Name == column) is { Function: { } function }
            ? Sql.Of($"{Sql.Raw(function)}({Sql.Join(", ", ColumnsOf(column).Select(Column))})")
        : !found.Columns.ContainsKey(column) && JsonPath.Of(column) is { } path
            ? Sql.Of($"pg_catalog.jsonb_extract_path_text({Column(path.Column)}::jsonb, {Sql.Join(", ", path.Steps.Select(Sql.Literal))})")
        : Sql.Of($"{Column(column)}::text");

    /// <summary>The row's text as declared, by the database's own function, see <see cref="ObjectNames.TextFunction"/>.</summary>
    public SqlText Rendered => $"{Sql.Raw(ObjectNames.TextFunction(found))}({Sql.Raw(row)}*)";

    /// <summary>The columns by whose change an item may have become pending, as the declaration has their names.</summary>
    public IEnumerable<string> WakingColumns =>
        Declared.Columns.Concat(FilterColumns).Concat(table.Partition is null ? [] : [table.Partition]).Distinct();
}
