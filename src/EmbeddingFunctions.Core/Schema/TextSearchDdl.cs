using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// The column of a table's full-text search, where a declaration asks for one: Postgres itself keeps it true to the text.
/// </summary>
internal static class TextSearchDdl
{
    public const string Column = "embedding_text_search";

    // A tsvector takes 1,048,575 bytes of words. Compounds are kept whole and in parts, which is up to eight bytes for a byte of text at
    // worst; a character has up to four.
    private const int MaxBytes = 1_048_575 / 8;

    // What of a text is looked at at all.
    private const int MaxCharacters = 200_000;

    /// <returns>Null if no kind of the table asks for a search. Adding the column rewrites the table.</returns>
    public static SchemaObject? SearchColumn(IReadOnlyList<ResolvedTable> kinds) => Words(kinds) is { } words
        ? new(
            ObjectKind.Column, kinds[0].Schema, kinds[0].Name, Column,
            $"ADD COLUMN \"{Column}\" tsvector GENERATED ALWAYS AS ({words}) STORED")
        : null;

    public static IEnumerable<SchemaObject> Index(IReadOnlyList<ResolvedTable> kinds) => Words(kinds) is { } words
        ? [CorpusDdl.Index(kinds[0].Found, ObjectNames.Name("embedding_search", kinds[0].Found, words), $"USING gin (\"{Column}\")")]
        : [];

    private static string? Words(IReadOnlyList<ResolvedTable> kinds)
    {
        if (kinds.FirstOrDefault(kind => kind.TextSearch is not null) is not { } table)
        {
            return null;
        }

        var text = string.Join(" || ' ' || ", table.WithRow("").TextColumns.Select(column => $"COALESCE({column}, '')"));
        // The characters of a text of many bytes are so much fewer.
        var characters = $"CASE WHEN pg_catalog.octet_length({text}) <= {MaxBytes} THEN {MaxCharacters} ELSE "
            + $"LEAST({MaxCharacters}, GREATEST({MaxBytes / 4}, {MaxBytes}::bigint * pg_catalog.length({text}) / "
                + $"pg_catalog.octet_length({text})))::integer END";
        return $"pg_catalog.to_tsvector({Sql.Literal(table.TextSearch!)}::pg_catalog.regconfig, pg_catalog.\"left\"({text}, {characters}))";
    }
}
