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

    /// <summary>Whether an object is such a table.</summary>
    public static bool Is(ObjectKey key) =>
        key is { Kind: ObjectKind.Table, Schema: EngineSchema.Name } && key.Name.StartsWith("words_", StringComparison.Ordinal);

    /// <summary>In the order in which they are made; nothing where no words are declared.</summary>
    public static IEnumerable<SchemaObject> Objects(Corpus corpus, ResolvedTable table)
    {
        if (!table.HasWordsTable || corpus.Generation is { IsLive: false })
        {
            return [];
        }

        var live = corpus with { Name = corpus.DeclaredName };
        var words = table.WordsTable;
        var (edit, rows) = (Function(live, table, "note_words"), Function(live, table, "note_words_of_rows"));
        return
        [
            CompanionDdl.SeesRow(Sees(live, table), words.Schema, table), Table(live, table),
            CompanionTriggers.Function(words.Schema, edit, EditBody(table)),
            CompanionTriggers.Function(words.Schema, rows, RowsBody(table)),
            .. CompanionTriggers.Triggers(live, table, "embedding_words", edit, rows),
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
                SELECT {Values(table)} FROM {table.Table} t JOIN page ON {TablePage.Has(table, "t.")}
                ON CONFLICT DO NOTHING
            )
            """) with { Title = $"reading the words of {table.Name}" },
        MigrationStep.Alone($"ANALYZE {table.WordsTable.Quoted}"),
    ];

    private static string Sees(Corpus corpus, ResolvedTable table) => Function(corpus, table, "sees_words");

    private static string Function(Corpus corpus, ResolvedTable table, string purpose) =>
        ObjectNames.Function($"{purpose}_{corpus.Name}", table.WordsTable with { Name = table.Kind });

    // What can fail is done first, in a block without a write: a block that writes takes a transaction number of its own for each row.
    private static string EditBody(ResolvedTable table)
    {
        var of = table.WithRow("NEW.");
        var keys = table.KeyColumns.Select((key, i) => (
            Column: Sql.Identifier(key), table.Found.Columns[key].SqlType, table.Found.Columns[key].Is, Old: $"old_key_{i}",
            New: $"new_key_{i}")).ToList();
        return
            $"""
            #variable_conflict use_variable
            DECLARE
                is_edited boolean := true;
                new_language text;
                new_words pg_catalog.tsvector;
                new_names text;
                {string.Join("\n    ", keys.Select(key => $"{key.Old} {key.SqlType}; {key.New} {key.SqlType};"))}
            BEGIN
                BEGIN
                    {string.Join("\n        ", keys.Select(key => $"{key.Old} := OLD.{key.Column}; {key.New} := NEW.{key.Column};"))}
                    {TextChange.Assign("is_edited", table, table.KeyColumns.Concat(table.WordNames))}
                    IF is_edited THEN
                        new_language := {of.RowLanguage};
                        new_words := {of.Words};
                        new_names := {Names(of)};
                    END IF;
                EXCEPTION WHEN {CompanionTriggers.Altered} THEN
                    {CompanionTriggers.Warn}
                    is_edited := false;
                END;
                IF is_edited THEN
                    IF NOT ({string.Join(" AND ", keys.Select(key => $"{key.Old} {key.Is} {key.New}"))}) THEN
                        DELETE FROM {table.WordsTable.Quoted} c
                        WHERE  {string.Join(" AND ", keys.Select(key => $"c.{key.Column} {key.Is} {key.Old}"))};
                    END IF;
                    INSERT INTO {table.WordsTable.Quoted} AS c ({Columns(table)})
                    VALUES ({string.Join(", ", keys.Select(key => key.New))}, new_language, new_words, new_names)
                    {Replace(table)};
                END IF;
                RETURN NEW;
            END
            """;
    }

    private static string RowsBody(ResolvedTable table)
    {
        string Insert(string rows) =>
            $"INSERT INTO {table.WordsTable.Quoted} AS c ({Columns(table)}) SELECT {Values(table)} FROM {rows} t {Replace(table)};";
        string Delete(string with, string of) =>
            $"DELETE FROM {table.WordsTable.Quoted} c {with}WHERE {CompanionTable.SameKey(table, Sql.Of($"c."), Sql.Raw(of))};";
        return
            $"""
            BEGIN
                IF TG_OP = 'INSERT' AND TG_LEVEL = 'STATEMENT' THEN
                    {Insert("added")}
                ELSIF TG_OP = 'INSERT' THEN
                    {Insert("(SELECT NEW.*)")}
                ELSIF TG_OP = 'DELETE' AND TG_LEVEL = 'STATEMENT' THEN
                    {Delete("USING removed o ", "o.")}
                ELSIF TG_OP = 'DELETE' THEN
                    {Delete("", "OLD.")}
                ELSE
                    DELETE FROM {table.WordsTable.Quoted};
                END IF;
                RETURN NULL;
            EXCEPTION WHEN {CompanionTriggers.Altered} THEN
                {CompanionTriggers.Warn}
                RETURN NULL;
            END
            """;
    }

    private static string Columns(ResolvedTable table) =>
        $"{string.Join(", ", table.KeyColumns.Select(Sql.Identifier))}, language, words, names";

    private static string Values(ResolvedTable table) =>
        $"{CompanionTable.KeysOf(table, Sql.Of($"t."))}, {table.RowLanguage}, {table.Words}, {Names(table)}";

    private static string Names(ResolvedTable table) =>
        table.Search!.Identifiers.Count == 0 ? "NULL" : $"pg_catalog.\"left\"({table.Names}, {MaxNames})";

    private static string Replace(ResolvedTable table) =>
        $"ON CONFLICT ({string.Join(", ", table.KeyColumns.Select(Sql.Identifier))}) DO UPDATE SET language = EXCLUDED.language, "
            + "words = EXCLUDED.words, names = EXCLUDED.names";
}
