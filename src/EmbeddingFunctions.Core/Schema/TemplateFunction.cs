using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>A declared text as a function of the database, for triggers: the same words that the engine would make of the row.</summary>
internal static class TemplateFunction
{
    private const string Row = "item.";

    public static SchemaObject Function(ResolvedTable table)
    {
        var item = table.WithRow(Row);
        var columns = item.Declared.Columns.Select(item.Text).ToList();
        var parts = item.Declared.All.Select(part => Append(part, columns));
        var body = Sql.Literal(
            $"""
            DECLARE
                content text := '';
                part text;
            BEGIN
                IF NOT ({string.Join(" OR ", columns.Select(Says))}) THEN
                    RETURN '';
                END IF;
                {string.Join("\n    ", parts)}
                RETURN content;
            END
            """);
        return new(ObjectKind.Function, table.Schema, "", $"{ObjectNames.TextFunction(table.Found)}({table.Table})",
            $"CREATE OR REPLACE FUNCTION {ObjectNames.TextFunction(table.Found)}(item {table.Table}) RETURNS text LANGUAGE plpgsql STABLE "
                + $"{Sql.SafePath} AS "
                + $"{body}");
    }

    private static string Append(TextTemplate.Part part, List<SqlText> columns)
    {
        var words = string.Join(
            " || ",
            part.Pieces.Select(
                piece => piece.Column == TextTemplate.None ? Sql.Literal(piece.Words) : Sql.Of($"COALESCE({columns[piece.Column]}, '')")));
        if (!part.IsOptional)
        {
            return $"content := content || {words};";
        }

        var conditions = part.Pieces.Where(piece => piece.Column != TextTemplate.None).Select(piece => Says(piece, columns));
        return
            $"""
            IF {string.Join(" AND ", conditions)} THEN
                    part := {words};
                    content := content || CASE WHEN content = '' THEN ltrim(part, {Sql.Literal(TextTemplate.Separators)}) ELSE part END;
                END IF;
            """;
    }

    private static string Says(TextTemplate.Piece piece, List<SqlText> columns)
    {
        var column = columns[piece.Column];
        return piece.Other == TextTemplate.None ? Says(column)
            : $"{Says(column)} AND lower({Trimmed(column)}) IS DISTINCT FROM lower({Trimmed(columns[piece.Other])})";
    }

    private static string Trimmed(SqlText column) => $"btrim({column}, E' \\t\\r\\n\\f\\v')";

    private static string Says(SqlText column) => $"COALESCE({column}, '') ~ '\\S'";
}
