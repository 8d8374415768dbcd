namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>Statements of a migration over all rows of an owner's table, a page at a time, in the order of their keys.</summary>
internal static class TablePage
{
    public const int Rows = 1_000;

    /// <summary>$1 is the last key of the page before, or null; $2 how many rows the page has.</summary>
    /// <param name="table">The table.</param>
    /// <param name="work">Further expressions of the statement, which write the rows whose <c>key</c> is in <c>page</c>; null passes the
    /// page over.</param>
    /// <returns>A statement that answers the page's last key, or null after the last page.</returns>
    public static string Of(BoundTable table, string? work) =>
        $"""
        WITH page AS MATERIALIZED (
            SELECT {table.Id} AS key FROM {table.Table} t
            WHERE  $1::text IS NULL OR {table.Id} OPERATOR(pg_catalog.>) $1::{table.IdType}
            ORDER  BY {table.Id} LIMIT $2
        ){(work is null ? "" : $",\n{work}")}
        SELECT key::text FROM page ORDER BY key DESC LIMIT 1
        """;
}
