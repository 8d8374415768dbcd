using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>Statements of a migration over all rows of an owner's table, a page at a time, in the order of their keys.</summary>
internal static class TablePage
{
    public const int Rows = 1_000;

    /// <summary>The same work on all rows at once, for people who run it themselves.</summary>
    public static string Whole(ResolvedTable table, string work) =>
        $"""
        WITH page AS MATERIALIZED (
            SELECT {Selected(table)} FROM {table.Table} t
        ),
        {work}
        SELECT count(*) FROM page
        """;

    /// <param name="table">The table.</param>
    /// <param name="last">The last key of the page before, or null.</param>
    /// <param name="rows">How many rows the page has.</param>
    /// <param name="work">
    /// Further expressions of the statement, which write the rows whose key columns, or whose <c>key</c>, are in <c>page</c>; null passes
    /// the page over.
    /// </param>
    /// <returns>A statement that answers the page's last key, or null after the last page.</returns>
    public static SqlText Of(ResolvedTable table, string? last, int rows, string? work) =>
        $"""
        WITH page AS MATERIALIZED (
            SELECT {Selected(table)} FROM {table.Table} t
            WHERE  {last}::text IS NULL OR {After(table, last)}
            ORDER  BY {Keys(table)} LIMIT {rows}
        ){Sql.When(work is not null, $",\n{Sql.Raw(work!)}")}
        SELECT key::text FROM page ORDER BY {Last(table)} LIMIT 1
        """;

    /// <summary>Whether a row of the owner's table is one of the page's.</summary>
    public static SqlText Has(ResolvedTable table, string row) => IsSimple(table)
        ? Sql.Of($"{Sql.Raw(row)}{Sql.Identifier(table.KeyColumns[0])} {table.Found.Columns[table.KeyColumns[0]].Is} page.key")
        : Sql.Join(" AND ", table.KeyColumns.Select((key, i) => Sql.Of(
            $"{Sql.Raw(row)}{Sql.Identifier(key)} {table.Found.Columns[key].Is} page.{Place(i)}")));

    private static SqlText Selected(ResolvedTable table) => IsSimple(table) ? Sql.Of($"{table.Id} AS key")
        : Sql.Of($"{CompanionTable.ItemOf(table, Sql.Of($"t."))} AS key, {Sql.Join(", ", table.KeyColumns.Select(
            (key, i) => Sql.Of($"{table.Column(key)} AS {Place(i)}")))}");

    private static SqlText After(ResolvedTable table, string? last) => IsSimple(table)
        ? Sql.Of($"{table.Id} OPERATOR(pg_catalog.>) {last}::{table.IdType}")
        : Sql.Of($"({Keys(table)}) OPERATOR(pg_catalog.>) ({Sql.Join(", ", table.KeyColumns.Select(
            (key, i) => Sql.Of($"({last}::jsonb->>{Sql.Literal(i)})::{table.Found.Columns[key].SqlType}")))})");

    private static SqlText Keys(ResolvedTable table) => Sql.Join(", ", table.KeyColumns.Select(table.Column));

    private static SqlText Last(ResolvedTable table) => IsSimple(table) ? Sql.Of($"key DESC")
        : Sql.Join(", ", table.KeyColumns.Select((_, i) => Sql.Of($"{Place(i)} DESC")));

    private static SqlText Place(int key) => Sql.Raw($"key_{key}");

    private static bool IsSimple(ResolvedTable table) => table.KeyColumns.Count == 1;
}
