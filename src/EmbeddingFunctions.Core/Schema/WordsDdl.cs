using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// The table of a table's words for search, which triggers keep true in the writer's own transaction. It is a table of its own, because an
/// index on the owner's would compute the words of each match again to rank it, and every generation of vectors has the same words.
/// </summary>
internal static class WordsDdl
{
    private const string Policy = "\"embedding_words_of_visible_rows\"";

    // Trigrams of more would cost writes too much.
    private const int MaxNames = 10_000;

    /// <summary>In the order in which they are made; nothing where no words are declared.</summary>
    public static IEnumerable<SchemaObject> Objects(Corpus corpus, ResolvedTable table)
    {
        if (!table.HasWordsTable)
        {
            return [];
        }

        var live = corpus with { Name = corpus.DeclaredName };
        var words = table.WordsTable;
        var (edit, rows) = (Function(live, table, "note_words"), Function(live, table, "note_words_of_rows"));
        return
        [
            CompanionDdl.SeesRow(Sees(live, table), words.Schema, table), Table(live, table),
            FollowingTriggers.Function(words.Schema, edit, EditBody(table)),
            FollowingTriggers.Function(words.Schema, rows, RowsBody(table)),
            .. FollowingTriggers.Objects(live, table, "words_", edit, rows),
            CorpusDdl.Index(words, ObjectNames.Name("embedding_words", words), "USING gin (words)"),
            .. table is { Search.Identifiers.Count: > 0, Schemas.Trigrams: { } schema }
                ? [
                    CorpusDdl.Index(
                        words, ObjectNames.Name("embedding_names", words), $"USING gin (names {Sql.Identifier(schema)}.gin_trgm_ops)")]
                : Array.Empty<SchemaObject>(),
            .. table.Language is null
                ? [CorpusDdl.Index(words, ObjectNames.Name("embedding_languages", words), "(language)")] : Array.Empty<SchemaObject>(),
        ];
    }

    private static SchemaObject Table(Corpus corpus, ResolvedTable table)
    {
        var words = table.WordsTable;
        var keys = string.Join(", ", table.KeyColumns.Select(Sql.Identifier));
        var columns = table.KeyColumns.Select(key => $"{Sql.Identifier(key)} {table.Found.Columns[key].Definition} NOT NULL");
        return new(
            ObjectKind.Table, words.Schema, "", words.Name,
            $"""
            CREATE TABLE {words.Quoted} (
                {string.Join(",\n    ", columns)},
                language text NOT NULL,
                words tsvector NOT NULL,
                names text,
                PRIMARY KEY ({keys})
            )
            """)
        {
            Finish =
                $"""
                ALTER TABLE {words.Quoted} ENABLE ROW LEVEL SECURITY;
                DROP POLICY IF EXISTS {Policy} ON {words.Quoted};
                CREATE POLICY {Policy} ON {words.Quoted} USING ({Sees(corpus, table)}({keys}))
                """,
        };
    }

    /// <summary>The extension for misspelt names; where it cannot be made after all, the index that needs it says why.</summary>
    public static MigrationStep Trigrams(string schema) =>
        MigrationStep.Alone($"CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA {Sql.Identifier(schema)}");

    /// <summary>Steps that fill it again: what it holds may be of another declaration, or of before a trigger was missing.</summary>
    public static IEnumerable<MigrationStep> Fill(ResolvedTable table) =>
    [
        MigrationStep.Transaction($"TRUNCATE {table.WordsTable.Quoted}"),
        MigrationStep.Pages(
            table,
            $"""
            filled AS (
                INSERT INTO {table.WordsTable.Quoted} ({Columns(table)})
                SELECT {Values(table, "t.")} FROM {table.Table} t JOIN page ON {TablePage.Has(table, "t.")}
                ON CONFLICT DO NOTHING
            )
            """) with { Title = $"reading the words of {table.Name}" },
        MigrationStep.Alone($"ANALYZE {table.WordsTable.Quoted}"),
    ];

    private static string Sees(Corpus corpus, ResolvedTable table) => Function(corpus, table, "sees_words");

    private static string Function(Corpus corpus, ResolvedTable table, string purpose) =>
        ObjectNames.Function($"{purpose}_{corpus.Name}", table.WordsTable with { Name = table.Kind });

    private static string EditBody(ResolvedTable table) =>
        $"""
        DECLARE
            is_edited boolean := true;
        BEGIN
            {TextChange.Assign("is_edited", table, table.KeyColumns.Concat(table.WordNames))}
            IF is_edited THEN
                IF NOT ({CompanionTable.SameKey(table, Sql.Of($"OLD."), Sql.Of($"NEW."))}) THEN
                    DELETE FROM {table.WordsTable.Quoted} c WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Of($"OLD."))};
                END IF;
                INSERT INTO {table.WordsTable.Quoted} AS c ({Columns(table)}) VALUES ({Values(table, "NEW.")})
                {Replace(table)};
            END IF;
            RETURN NEW;
        EXCEPTION WHEN {FollowingTriggers.Altered} THEN
            {FollowingTriggers.Warn}
            RETURN NEW;
        END
        """;

    private static string RowsBody(ResolvedTable table)
    {
        string Insert(string rows) =>
            $"""
            INSERT INTO {table.WordsTable.Quoted} AS c ({Columns(table)})
                    SELECT {Values(table, "t.")} FROM {rows} t
                    {Replace(table)};
            """;
        return FollowingTriggers.RowsBody(
            Insert, table.WordsTable.Quoted, row => CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Raw(row)), "");
    }

    private static string Columns(ResolvedTable table) =>
        $"{string.Join(", ", table.KeyColumns.Select(Sql.Identifier))}, language, words, names";

    private static string Values(ResolvedTable table, string row)
    {
        var of = table.WithRow(row);
        var names = table.Search!.Identifiers.Count == 0 ? "NULL" : $"pg_catalog.\"left\"({of.Names}, {MaxNames})";
        return $"{string.Join(", ", table.KeyColumns.Select(of.Column))}, {of.RowLanguage}, {of.Words}, {names}";
    }

    private static string Replace(ResolvedTable table) =>
        $"ON CONFLICT ({string.Join(", ", table.KeyColumns.Select(Sql.Identifier))}) DO UPDATE SET language = EXCLUDED.language, "
            + "words = EXCLUDED.words, names = EXCLUDED.names";
}
