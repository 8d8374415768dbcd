using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>The statements that give a corpus's tables what embedding needs; all may be run again.</summary>
internal static class CorpusShape
{
    // Postgres cuts longer names, two of which could then be one.
    private const int MaxNameBytes = 63;

    /// <summary>A short name of all that a migration makes for a corpus: another one asks for a migration.</summary>
    public static string Id(BoundCorpus corpus)
    {
        var tables = corpus.KindsByTable.SelectMany(kinds => Indexes(kinds).Select(index => index.Definition).Prepend(Trigger(kinds)).Prepend(Columns(kinds[0])).Append(TextSearchShape.Words(kinds) ?? "")
            .Concat(corpus.Corpus.Trigger ? [WakeShape.Create(corpus.Corpus, kinds)] : [])
            .Concat(kinds.Where(kind => kind.ChunkTable is not null).Select(ChunkShape.Create))
            .Concat(kinds.Where(kind => kind.Queue != QueuedText.None).SelectMany(kind => QueueShape.Create(corpus.Corpus, kind))));
        var view = corpus.Corpus.PendingView is { } pending ? PendingViewShape.Create(corpus, pending) : "";
        var cache = corpus.Corpus.SimilarityCache ? SimilarityCache(corpus) : "";
        return Hash(string.Join('\n', [.. Migration.All.Select(migration => migration.Name), .. tables, view, cache]));
    }

    public static bool HasColumns(BoundTable table) =>
        TableRules.OwnColumns.Append(table.VectorColumn).Concat(table.Queue == QueuedText.Content ? [TableRules.ContentColumn] : []).All(table.Found.Columns.ContainsKey);

    public static string Columns(BoundTable table) =>
        $"""
        ALTER TABLE {table.Table}
            ADD COLUMN IF NOT EXISTS {table.VectorName} {table.VectorColumnType},
            ADD COLUMN IF NOT EXISTS "embedding_generated_at" timestamptz,
            ADD COLUMN IF NOT EXISTS "embedding_model" text,
            ADD COLUMN IF NOT EXISTS "embedding_rule" text,
            ADD COLUMN IF NOT EXISTS "embedding_truncated" integer,
            ADD COLUMN IF NOT EXISTS "content_hash" text{(table.Queue == QueuedText.Content ? $", ADD COLUMN IF NOT EXISTS \"{TableRules.ContentColumn}\" text" : "")}
        """;

    /// <summary>Takes the trigger and the columns away, and with the columns their indexes.</summary>
    public static string Removal(FoundTable table, string vector) =>
        $"""
        DROP TRIGGER IF EXISTS {TriggerName(table)} ON {table.Quoted};
        DROP FUNCTION IF EXISTS {FunctionName(table)}();
        ALTER TABLE {table.Quoted} {string.Join(", ", Columns(table, vector).Select(column => $"DROP COLUMN {Sql.Identifier(column)}"))}
        """;

    /// <summary>Whether a migration gave the table its columns: no other program has one of this name.</summary>
    public static bool IsMigrated(FoundTable table) => table.Columns.ContainsKey("embedding_rule");

    /// <summary>The columns of a table that a migration made, or found.</summary>
    public static IEnumerable<string> Columns(FoundTable table, string vector) => ((string[])[vector, .. TableRules.OwnColumns, TableRules.ContentColumn, TextSearchShape.Column]).Where(table.Columns.ContainsKey);

    /// <summary>
    /// An edit of the text makes the row pending in the writer's own transaction, whatever the writer's clock says.
    /// When a vector was written, a trigger that bumps the changed-at column cannot make it look older than the row:
    /// this one runs last, because triggers run in the order of their names.
    /// </summary>
    public static string Trigger(IReadOnlyList<BoundTable> kinds)
    {
        var table = kinds[0];
        var (function, trigger) = (FunctionName(table.Found), TriggerName(table.Found));
        var old = kinds.Select(kind => kind.WithRow("OLD.")).ToList();
        var current = kinds.Select(kind => kind.WithRow("NEW.")).ToList();
        var moments = current.Select(kind => kind.ChangedAt).OfType<string>().Distinct().Prepend("NEW.embedding_generated_at");
        // A literal, because a column's name could hold any other quotes.
        var body = Sql.Literal(
            $"""
            BEGIN
                IF ROW({Texts(current)}) IS DISTINCT FROM ROW({Texts(old)}) THEN
                    NEW.embedding_rule := NULL;
                ELSIF NEW.embedding_generated_at IS DISTINCT FROM OLD.embedding_generated_at THEN
                    NEW.embedding_generated_at := GREATEST({string.Join(", ", moments)});
                END IF;
                RETURN NEW;
            END
            """);
        return
            $"""
            CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {body};
            CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {table.Table}
                FOR EACH ROW EXECUTE FUNCTION {function}();
            """;
    }

    /// <summary>The indexes by name: pending items newest first, items in the order of a forced run, vectors by cosine distance, words.</summary>
    public static IReadOnlyList<(string Name, string Definition)> Indexes(IReadOnlyList<BoundTable> kinds) =>
        kinds.SelectMany(Indexes).Concat(TextSearchIndex(kinds)).DistinctBy(index => index.Name).ToList();

    /// <summary>Named for what it is over: where it is, the column holds just that.</summary>
    public static string? TextSearchIndexName(IReadOnlyList<BoundTable> kinds) =>
        TextSearchShape.Words(kinds) is { } words ? Name("embedding_search", kinds[0], words) : null;

    /// <summary>Names of indexes that an earlier declaration may have left behind begin so.</summary>
    public static IReadOnlyList<string> ChangingIndexes(BoundTable table) => [Name("embedding_pending", table) + "_", Name("embedding_age", table) + "_", Name("embedding_search", table) + "_", Name("embedding_hnsw", table)];

    public static string SimilarityCache(BoundCorpus corpus) =>
        Migration.Read("similarity_cache.sql")
            .Replace("{vector_type}", corpus.Tables[0].VectorColumnType, StringComparison.Ordinal)
            .Replace("{partition_type}", corpus.PartitionType, StringComparison.Ordinal);

    private static IEnumerable<(string Name, string Definition)> Indexes(BoundTable table)
    {
        var bare = table.WithRow("");
        var partition = table.HasPartition ? $"{bare.Partition}, " : "";
        var pending = $"({partition}{bare.Newest}) WHERE {bare.Pending}";
        var age = $"({partition}({bare.GeneratedAt}), {bare.Id})";
        yield return (Name("embedding_pending", table, pending), $"ON {table.Table} {pending}");
        yield return (Name("embedding_age", table, age), $"ON {table.Table} {age}");
        var hnsw = $"USING hnsw ({table.VectorName} {table.CosineOperators}) WITH ({table.IndexParameters})";
        yield return (Name("embedding_hnsw", table, table.HasStandardIndex ? null : hnsw), $"ON {table.Table} {hnsw}");
    }

    private static IEnumerable<(string Name, string Definition)> TextSearchIndex(IReadOnlyList<BoundTable> kinds) =>
        TextSearchIndexName(kinds) is { } name ? [(name, $"ON {kinds[0].Table} USING gin (\"{TextSearchShape.Column}\")")] : [];

    private static string Texts(IEnumerable<BoundTable> kinds) => string.Join(", ", kinds.SelectMany(kind => kind.TextColumns).Distinct());

    private static string FunctionName(FoundTable table) => $"{Sql.Identifier(table.Schema)}.{Sql.Identifier(Name("embedding_note_edit", table))}";

    private static string TriggerName(FoundTable table) => Sql.Identifier(Name("zzz_embedding_note_edit", table));

    private static string Name(string purpose, BoundTable table, string? definition = null) => Name(purpose, table.Found, definition);

    internal static string Name(string purpose, FoundTable table, string? definition = null)
    {
        var suffix = definition is null ? "" : "_" + Hash(definition);
        var name = $"{purpose}_{table.Name}{suffix}";
        return Encoding.UTF8.GetByteCount(name) <= MaxNameBytes ? name : $"{purpose}_{Hash(table.Name)}{suffix}";
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];
}
