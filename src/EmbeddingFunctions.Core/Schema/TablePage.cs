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
            SELECT {table.Id} AS key FROM {table.Table} t
        ),
        {work}
        SELECT count(*) FROM page
        """;

    /// <param name="table">The table.</param>
    /// <param name="last">The last key of the page before, or null.</param>
    /// <param name="rows">How many rows the page has.</param>
    /// <param name="work">Further expressions of the statement, which write the rows whose <c>key</c> is in <c>page</c>; null passes the
    /// page over.</param>
    /// <returns>A statement that answers the page's last key, or null after the last page.</returns>
    public static SqlText Of(ResolvedTable table, string? last, int rows, string? work) =>
        $"""
        WITH page AS MATERIALIZED (
            SELECT {table.Id} AS key FROM {table.Table} t
            WHERE  {last}::text IS NULL OR {table.Id} OPERATOR(pg_catalog.>) {last}::{table.IdType}
            ORDER  BY {table.Id} LIMIT {rows}
        ){Sql.When(work is not null, $",\n{Sql.Raw(work!)}")}
        SELECT key::text FROM page ORDER BY key DESC LIMIT 1
        """;
}
