using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>The view of an owner's rows with their vectors, where one is declared.</summary>
internal static class JoinedViewDdl
{
    /// <summary>
    /// It shows a person what the person may see of both tables. The vector comes first: a column that the owner adds is then the view's
    /// last, and the view keeps its rights and what was built on it.
    /// </summary>
    public static SchemaObject View(ResolvedTable table, string view)
    {
        var (schema, name) = table.Schemas.Of(view);
        var columns = table.Found.Columns.Keys.Select(column => Sql.Of($"s.{Sql.Identifier(column)}"));
        return new(ObjectKind.View, schema, "", name,
            $"""
            CREATE OR REPLACE VIEW {Sql.Identifier(schema)}.{Sql.Identifier(name)} WITH (security_invoker = true) AS
            SELECT v.{table.VectorName}::{table.AnyWidth} AS {table.VectorName}, {Sql.Join(", ", columns)}
            FROM   {table.Table} s LEFT JOIN {table.Target} v ON {CompanionTable.SameKey(table, Sql.Of($"s."), Sql.Of($"v."))}
            """);
    }
}
