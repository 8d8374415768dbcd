using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>How a row trigger sees that columns changed, as PL/pgSQL.</summary>
internal static class TextChange
{
    // The first server with pg_column_toast_chunk_id.
    private const int TellsChunks = 170_000;

    /// <summary>
    /// Assigns whether one of the columns changed. A long value that an update leaves alone is the same stored value, which its place tells
    /// without reading it; servers before 17 do not tell the place, and both values are read.
    /// </summary>
    /// <param name="variable">A boolean variable of the function.</param>
    /// <param name="table">The table.</param>
    /// <param name="columns">Names as the declaration has them, at least one.</param>
    public static string Assign(string variable, ResolvedTable table, IEnumerable<string> columns)
    {
        var (old, current) = (table.WithRow("OLD."), table.WithRow("NEW."));
        var differ = columns.Distinct().Select(column => (
            Place: string.Join(" AND ", table.ColumnsOf(column).Select(read =>
                $"pg_catalog.pg_column_toast_chunk_id({current.Column(read)}) = pg_catalog.pg_column_toast_chunk_id({old.Column(read)})")),
            Text: $"{current.Text(column)} IS DISTINCT FROM {old.Text(column)}")).ToList();
        // Each statement is looked at by the server only when it is reached.
        return
            $"""
            IF pg_catalog.current_setting('server_version_num')::integer >= {TellsChunks} THEN
                {variable} := {string.Join(" OR ", differ.Select(column => $"CASE WHEN {column.Place} THEN false ELSE {column.Text} END"))};
            ELSE
                {variable} := {string.Join(" OR ", differ.Select(column => column.Text))};
            END IF;
            """;
    }
}
