using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The table that keeps a table's vectors beside it, and how it is filled.</summary>
internal static class CompanionDdl
{
    private const string Policy = "\"embedding_vectors_of_visible_rows\"";

    /// <summary>
    /// There is no foreign key: it would make Postgres refuse a plain TRUNCATE or DROP TABLE of the owner's. A role that may read it sees the
    /// vectors of the rows that it may see.
    /// </summary>
    public static Part Part(ResolvedTable table)
    {
        var (holder, bare) = (table.Holder, table.WithRow(""));
        var keys = string.Join(", ", table.KeyColumns.Select(Sql.Identifier));
        IEnumerable<string> columns =
        [
            .. table.Copied.Select(column =>
                $"{Sql.Identifier(column)} {table.Found.Columns[column].Definition}{(table.KeyColumns.Contains(column) ? " NOT NULL" : "")}"),
            .. table.KeyColumns.Count > 1 ? [$"{bare.Id} text NOT NULL UNIQUE"] : Array.Empty<string>(),
            $"{Sql.Identifier(OwnColumns.Revision)} bigint NOT NULL DEFAULT 0",
            $"{table.VectorName} {table.VectorColumnType}",
            .. table.Own.Always.Select(column => $"{Sql.Identifier(column.Column)} {column.Type}"),
            $"CHECK ({table.StateName} IN {ItemState.All})",
            $"PRIMARY KEY ({keys})",
        ];
        return new(
            ObjectKind.Table, holder.Schema, "", holder.Name, $"CREATE TABLE {table.Target} (\n    {string.Join(",\n    ", columns)}\n)")
        {
            Finish =
                $"""
                ALTER TABLE {table.Target} ENABLE ROW LEVEL SECURITY;
                DROP POLICY IF EXISTS {Policy} ON {table.Target};
                CREATE POLICY {Policy} ON {table.Target}
                    USING (EXISTS (SELECT FROM {table.Table} s WHERE {CompanionTable.SameKey(table, Sql.Of($"s."), Sql.Of($"{table.Target}."))}))
                """,
        };
    }

    /// <summary>For <see cref="TablePage"/>: items that the companion lacks, as pending ones.</summary>
    public static string Fill(ResolvedTable table) =>
        $"""
        filled AS (
            INSERT INTO {table.Target} ({Names(table)})
            SELECT {Values(table, "t.")}
            FROM   {table.Table} t JOIN page ON {CompanionTable.SameKey(table, Sql.Of($"t."), Sql.Of($"page."))}
            WHERE  (true{table.DeclaredFilter}) IS TRUE
            ON CONFLICT DO NOTHING
        )
        """;

    /// <summary>Removes what is left of rows that are gone or meet the filter no more; nothing for a role that does not see all rows.</summary>
    public static string RemoveOrphans(ResolvedTable table) =>
        $"""
        DELETE FROM {table.Target} c
        WHERE  NOT pg_catalog.row_security_active({Sql.Literal(table.QuotedName)}::pg_catalog.regclass)
        AND    NOT EXISTS (
            SELECT FROM {table.Table} t
            WHERE  {CompanionTable.SameKey(table, Sql.Of($"t."), Sql.Of($"c."))} AND (true{table.DeclaredFilter}) IS TRUE)
        """;

    /// <summary>The columns that a new row of the companion has from its owner's.</summary>
    public static string Names(ResolvedTable table) => string.Join(
        ", ", table.Copied.Concat(table.KeyColumns.Count > 1 ? [OwnColumns.Item] : []).Select(Sql.Identifier));

    /// <summary>The same of a row.</summary>
    public static string Values(ResolvedTable table, string row) => string.Join(
        ", ",
        table.Copied.Select(column => Sql.Of($"{Sql.Raw(row)}{Sql.Identifier(column)}"))
            .Concat(table.KeyColumns.Count > 1 ? [CompanionTable.ItemOf(table, Sql.Raw(row))] : []));
}
