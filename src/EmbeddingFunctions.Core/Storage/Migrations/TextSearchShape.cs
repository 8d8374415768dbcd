namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>The column of a table's full-text search, where a declaration asks for one: Postgres itself keeps it true to the text.</summary>
internal static class TextSearchShape
{
    public const string Column = "embedding_text_search";

    // Postgres refuses a row whose words together are more than a megabyte; so many characters never are.
    private const int MaxCharacters = 200_000;

    /// <returns>What the index is over, or null if no kind of the table asks for a search.</returns>
    public static string? Words(IReadOnlyList<BoundTable> kinds)
    {
        if (kinds.FirstOrDefault(kind => kind.TextSearch is not null) is not { } table)
        {
            return null;
        }

        var text = string.Join(" || ' ' || ", table.WithRow("").TextColumns.Select(column => $"COALESCE({column}, '')"));
        return $"to_tsvector({Sql.Literal(table.TextSearch!)}::regconfig, left({text}, {MaxCharacters}))";
    }

    /// <summary>Takes the column away, and makes it anew if it is asked for.</summary>
    public static string Replace(IReadOnlyList<BoundTable> kinds) =>
        $"""
        ALTER TABLE {kinds[0].Table} DROP COLUMN IF EXISTS "{Column}"{(Words(kinds) is { } words ? $", ADD COLUMN \"{Column}\" tsvector GENERATED ALWAYS AS ({words}) STORED" : "")}
        """;
}
