using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>The statements that give a corpus's tables what embedding needs; all may be run again.</summary>
internal static class CorpusShape
{
    // Postgres cuts longer names, two of which could then be one.
    private const int MaxName = 63;

    public static string Columns(BoundTable table) =>
        $"""
        ALTER TABLE {table.Table}
            ADD COLUMN IF NOT EXISTS "embedding" {table.VectorColumnType},
            ADD COLUMN IF NOT EXISTS "embedding_generated_at" timestamptz,
            ADD COLUMN IF NOT EXISTS "embedding_model" text,
            ADD COLUMN IF NOT EXISTS "embedding_rule" text,
            ADD COLUMN IF NOT EXISTS "content_hash" text
        """;

    /// <summary>
    /// An edit of the text makes the row pending in the writer's own transaction, whatever the writer's clock says.
    /// When a vector was written, a trigger that bumps the changed-at column cannot make it look older than the row:
    /// this one runs last, because triggers run in the order of their names.
    /// </summary>
    public static string Trigger(BoundTable table)
    {
        var function = $"{Sql.Identifier(table.Schema)}.{Sql.Identifier(Name("embedding_note_edit", table))}";
        var trigger = Sql.Identifier(Name("zzz_embedding_note_edit", table));
        var (old, current) = (table.WithRow("OLD."), table.WithRow("NEW."));
        var generatedAt = table.ChangedAt is null ? "NEW.embedding_generated_at" : $"GREATEST(NEW.embedding_generated_at, {current.ChangedAt})";
        return
            $"""
            CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $note$
            BEGIN
                IF ROW({string.Join(", ", current.TextColumns)}) IS DISTINCT FROM ROW({string.Join(", ", old.TextColumns)}) THEN
                    NEW.embedding_rule := NULL;
                ELSIF NEW.embedding_generated_at IS DISTINCT FROM OLD.embedding_generated_at THEN
                    NEW.embedding_generated_at := {generatedAt};
                END IF;
                RETURN NEW;
            END
            $note$;
            DROP TRIGGER IF EXISTS {trigger} ON {table.Table};
            CREATE TRIGGER {trigger} BEFORE UPDATE ON {table.Table}
                FOR EACH ROW EXECUTE FUNCTION {function}();
            """;
    }

    /// <summary>The indexes by name: pending items newest first, items in the order of a forced run, vectors by cosine distance.</summary>
    public static IEnumerable<(string Name, string Definition)> Indexes(BoundTable table)
    {
        var bare = table.WithRow("");
        var partition = table.HasPartition ? $"{bare.Partition}, " : "";
        yield return (Name("embedding_pending", table, table.Pending), $"ON {table.Table} ({partition}{bare.Newest}) WHERE {bare.Pending}");
        yield return (Name("embedding_age", table), $"ON {table.Table} ({partition}({bare.GeneratedAt}), {bare.Id})");
        yield return (Name("embedding_hnsw", table),
            $"ON {table.Table} USING hnsw (\"embedding\" {(table.IsHalf ? "halfvec" : "vector")}_cosine_ops) WITH (m = 16, ef_construction = 64)");
    }

    /// <summary>Names of indexes that an earlier rule left behind begin so.</summary>
    public static string PendingIndexPrefix(BoundTable table) => Name("embedding_pending", table) + "_";

    /// <summary>Other writers of the old columns may have typed them otherwise; only the vector's width must be right.</summary>
    public static string? Mismatch(BoundTable table)
    {
        var column = table.Found.Columns.GetValueOrDefault("embedding");
        var found = column is null ? null : column.Modifier > 0 ? $"{column.Type}({column.Modifier})" : column.Type;
        return found is null || found == table.VectorColumnType
            ? null
            : $"{table.Kind}: the column {table.Name}.embedding is {found}, the corpus says {table.VectorColumnType}";
    }

    public static string PendingView(BoundCorpus corpus, PendingView view)
    {
        var selects = corpus.Tables.Select(table => Select(corpus, table, view));
        return
            $"""
            DROP VIEW IF EXISTS {Sql.Identifier(view.Name)};
            CREATE VIEW {Sql.Identifier(view.Name)} AS
            SELECT * FROM (
            {string.Join("\nUNION ALL\n", selects)}
            ) items
            ORDER BY priority_score DESC{(view.Columns.Contains("updated_at") ? ", updated_at DESC" : "")}
            """;
    }

    private static string Select(BoundCorpus corpus, BoundTable table, PendingView view)
    {
        var columns = view.Columns.Select(column => $"t.{Sql.Identifier(column)}");
        var active = corpus.ActivePartitions is null ? "" : $"AND {table.Partition} IN ({corpus.ActivePartitions})";
        return
            $"""
            SELECT {Sql.Literal(table.Kind)}::text AS item_type, {table.Id}::text AS id, {string.Join("", columns.Select(c => c + ", "))}
                   t.embedding_generated_at, t.content_hash, {table.Priority} AS priority_score
            FROM   {table.Table} t
            WHERE  {table.Pending} {active}
            """;
    }

    private static string Name(string purpose, BoundTable table, string? definition = null)
    {
        var suffix = definition is null ? "" : "_" + Hash(definition);
        var name = $"{purpose}_{table.Name}{suffix}";
        return name.Length <= MaxName ? name : $"{purpose}_{Hash(table.Name)}{suffix}";
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..8];
}
