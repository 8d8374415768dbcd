using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// The table of a table's words for search, which follows the rows: writers only note their keys, and runs and searches read the words. It
/// is a table of its own, because an index on the owner's would compute the words of each match again to rank it, and every generation of
/// vectors has the same words.
/// </summary>
internal static class WordsDdl
{
    private const string Policy = "\"embedding_words_of_visible_rows\"";

    /// <summary>Whether an object is such a table.</summary>
    public static bool Is(ObjectKey key) =>
        key is { Kind: ObjectKind.Table, Schema: EngineSchema.Name } && key.Name.StartsWith("words_", StringComparison.Ordinal);

    /// <summary>In the order in which they are made; nothing where no words are declared.</summary>
    public static IEnumerable<SchemaObject> Objects(Corpus corpus, ResolvedTable table)
    {
        if (table.WordsFollower is not { } follower)
        {
            return [];
        }

        var live = corpus with { Name = corpus.DeclaredName };
        var words = table.WordsTable;
        return
        [
            CompanionDdl.SeesRow(Sees(live, table), words.Schema, table), Table(live, table),
            ChangesDdl.Table(follower), ChangesDdl.Settle(follower), AreBehind(follower),
            .. FollowingTriggers.Objects(live.Name, follower, "embedding_words", notify: ""),
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

    // A search says so when it could not read all.
    private static SchemaObject AreBehind(RowFollower follower) => ChangesDdl.Function(
        follower, $"{follower.Source.WordsAreBehind}()", "boolean", "STABLE",
        $"BEGIN RETURN EXISTS (SELECT FROM {follower.Changes}); END");

    /// <summary>The extension for misspelt names; where it cannot be made after all, the index that needs it says why.</summary>
    public static MigrationStep Trigrams(string schema) =>
        MigrationStep.Alone($"CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA {Sql.Identifier(schema)}");

    /// <summary>Steps that fill it again: what it holds may be of another declaration, or of before a trigger was missing.</summary>
    public static IEnumerable<MigrationStep> Fill(ResolvedTable table) => table.WordsFollower is not { } follower ? [] :
    [
        MigrationStep.Transaction($"TRUNCATE {table.WordsTable.Quoted}"),
        MigrationStep.Pages(
            table,
            $"""
            filled AS (
                INSERT INTO {table.WordsTable.Quoted} ({follower.Columns})
                SELECT {follower.Values} FROM {table.Table} t JOIN page ON {TablePage.Has(table, "t.")}
                ON CONFLICT DO NOTHING
            )
            """) with { Title = $"reading the words of {table.Name}" },
        MigrationStep.Alone($"ANALYZE {table.WordsTable.Quoted}"),
    ];

    private static string Sees(Corpus corpus, ResolvedTable table) =>
        ObjectNames.Function($"sees_words_{corpus.Name}", table.WordsTable with { Name = table.Kind });
}
