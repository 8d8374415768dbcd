using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The table that keeps a table's vectors beside it, and how it is filled.</summary>
internal static class CompanionDdl
{
    private const string Policy = "\"embedding_vectors_of_visible_rows\"";

    /// <summary>
    /// There is no foreign key: it would make Postgres refuse a plain TRUNCATE or DROP TABLE of the owner's. A role that may read it sees
    /// the vectors of the rows that it may see.
    /// </summary>
    public static SchemaObject Table(ResolvedTable table)
    {
        var (holder, bare) = (table.Holder, table.WithRow(""));
        var keys = string.Join(", ", table.KeyColumns.Select(Sql.Identifier));
        IEnumerable<string> columns =
        [
            .. table.Copied.Select(column =>
                $"{Sql.Identifier(column)} "
                    + $"{table.Found.Columns[column].Definition}{(table.KeyColumns.Contains(column) ? " NOT NULL" : "")}"),
            .. table.KeyColumns.Count > 1 ? [$"{bare.Id} text NOT NULL UNIQUE"] : Array.Empty<string>(),
            // A row that is deleted and inserted again begins with another number than the one before it.
            $"{Sql.Identifier(OwnColumns.Revision)} bigint NOT NULL DEFAULT (EXTRACT(epoch FROM clock_timestamp()) * 1000000)::bigint",
            $"{table.VectorName} {table.VectorColumnType}",
            .. table.Own.Always.Select(column => $"{Sql.Identifier(column.Column)} {column.Type}"),
            .. table.HasTriggers ? [] : new[] { $"{CompanionTable.SeenName} bytea" },
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
                    USING (EXISTS (SELECT FROM {table.Table} s WHERE
                        {CompanionTable.SameKey(table, Sql.Of($"s."), Sql.Of($"{table.Target}."))}))
                """,
        };
    }

    /// <summary>
    /// The vectors of the live generation under a name that stays. Their type does not say the width, so that the view can be replaced by
    /// one of another width whatever depends on it.
    /// </summary>
    public static SchemaObject LiveView(Corpus corpus, ResolvedTable table)
    {
        var name = $"live_{corpus.DeclaredName}_{table.Kind}";
        var columns = table.KeyColumns.Select(Sql.Identifier)
            .Append(Sql.Of($"{table.VectorName}::{table.AnyWidth} AS {table.VectorName}"))
            .Concat(table.Own.Always.Select(column => Sql.Identifier(column.Column)));
        return new(
            ObjectKind.View, table.Holder.Schema, "", name,
            $"CREATE OR REPLACE VIEW {Sql.Identifier(table.Holder.Schema)}.{Sql.Identifier(name)} WITH (security_invoker = true) AS\n"
                + $"SELECT {Sql.Join(", ", columns)} FROM {table.Target}");
    }

    /// <summary>For <see cref="TablePage"/>: items that the companion lacks, as pending ones.</summary>
    public static string Fill(ResolvedTable table) =>
        $"""
        filled AS (
            INSERT INTO {table.Target} ({CompanionTable.Names(table)})
            SELECT {CompanionTable.Values(table, Sql.Of($"t."))}
            FROM   {table.Table} t JOIN page ON {TablePage.Has(table, "t.")}
            WHERE  (true{table.DeclaredFilter}) IS TRUE
            ON CONFLICT DO NOTHING
        )
        """;
}
