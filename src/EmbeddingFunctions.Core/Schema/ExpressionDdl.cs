using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>A declared expression as a function of the columns that it reads, so that it means the same wherever it is called.</summary>
internal static class ExpressionDdl
{
    private static readonly SqlText _copy = Sql.Of($"pg_temp.embedding_expression");

    /// <summary>Where the values of a row are none that the expression takes, such as a division by zero, it has no text.</summary>
    public static IEnumerable<SchemaObject> Functions(ResolvedTable table) => table.Expressions.Select(expression =>
    {
        var columns = table.ColumnsOf(expression.Name).Select(column => (Name: Sql.Identifier(column), table.Found.Columns[column].SqlType))
            .ToList();
        var parameters = string.Join(", ", columns.Select(column => $"{column.Name} {column.SqlType}"));
        var body = Sql.Literal($"BEGIN RETURN ({expression.Sql})::text; EXCEPTION WHEN data_exception THEN RETURN NULL; END");
        return new SchemaObject(
            ObjectKind.Function, table.Holder.Schema, "",
            $"{expression.Function}({string.Join(", ", columns.Select(column => column.SqlType))})",
            $"CREATE OR REPLACE FUNCTION {expression.Function}({parameters}) RETURNS text LANGUAGE plpgsql IMMUTABLE {Sql.SafePath} AS "
                + $"{body}");
    });

    /// <summary>
    /// Has Postgres say whether each expression is of the table's columns and of nothing else, as it demands of an index: one is made on an
    /// empty copy of the table, and taken back.
    /// </summary>
    public static async Task<IReadOnlyList<DeclarationFault>> Faults(
        ResolvedTable table, NpgsqlDataSource database, CancellationToken cancellation)
    {
        var faults = new List<DeclarationFault>();
        foreach (var (name, expression, _) in table.Expressions)
        {
            await using var connection = await database.OpenConnectionAsync(cancellation);
            await using var copied = await connection.BeginTransactionAsync(cancellation);
            try
            {
                await connection.ExecuteAsync(
                    [
                        Sql.Of($"SET LOCAL search_path = pg_catalog, pg_temp"),
                        Sql.Of($"CREATE TEMPORARY TABLE {_copy} (LIKE {table.Table})"),
                        Sql.Of($"CREATE INDEX ON {_copy} ((({Sql.Raw(expression)})::text))"),
                    ],
                    cancellation);
            }
            catch (PostgresException e) when (e.SqlState[..2] is "22" or "42" or "0A")
            {
                var problem = e.SqlState == PostgresErrorCodes.InvalidObjectDefinition
                    ? "calls a function that is not immutable, or becomes text in a way that depends on settings"
                    : $"does not fit {table.Name}: {e.MessageText} ({e.SqlState})";
                faults.Add(new(
                    $"expressions.{name}",
                    $"the expression '{name}', {expression}, {problem}; it takes columns of the row, immutable functions and operators. "
                        + "A function of yours is named with its schema"));
            }
        }

        return faults;
    }
}
