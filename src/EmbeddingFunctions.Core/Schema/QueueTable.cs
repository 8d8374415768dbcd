using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>The table <c>embedding_queue</c>, which all corpora with a queue share, or an older system left.</summary>
internal static class QueueTable
{
    public const string Name = "embedding_queue";

    /// <summary>The table that says which columns the queue's rows may name.</summary>
    public const string Targets = "embedding.queue_targets";

    private static SqlText FindTwice =>
        $"""
        SELECT table_name || ' ' || record_id::text || ' ' || embedding_column
        FROM   embedding_queue
        GROUP  BY table_name, record_id, embedding_column
        HAVING count(*) > 1
        LIMIT  1
        """;

    // A type that triggers could not write or compare: an enumeration, for one.
    private static SqlText FindUnfit(ResolvedTable table) =>
        $"""
        SELECT format('The column %s.%s is of type %s: alter the column to %s, and migrate again.', c.relname, a.attname,
            format_type(a.atttypid, NULL), CASE a.attname WHEN 'user_id' THEN 'uuid' ELSE 'text' END)
        FROM   pg_class c
        JOIN   pg_attribute a ON a.attrelid = c.oid
        JOIN   pg_type t ON t.oid = a.atttypid
        WHERE  c.oid = 'embedding_queue'::regclass AND t.typcategory <> 'S'
        AND    (a.attname IN ('table_name', 'content', 'embedding_column', 'status', 'error_message')
                OR {QueueSql.HasOwner(table)} AND a.attname = 'user_id' AND a.atttypid <> 'uuid'::regtype)
        LIMIT  1
        """;

    // What the triggers give no value, or perhaps none.
    private static SqlText FindRequired(ResolvedTable table) =>
        $"""
        SELECT string_agg(a.attname, ', ' ORDER BY a.attnum)
        FROM   pg_attribute a
        WHERE  a.attrelid = 'embedding_queue'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
        AND    a.attname NOT IN ('table_name', 'record_id', 'content', 'embedding_column', 'taken_at')
        AND    CASE WHEN {QueueSql.HasOwner(table)} AND a.attname = 'user_id' THEN NOT (
                   SELECT o.attnotnull FROM pg_attribute o WHERE o.attrelid = {table.QuotedName}::regclass AND o.attname = 'user_id')
               ELSE NOT a.atthasdef AND a.attidentity = '' END
        """;

    // Of the owner's; ours say themselves where they look.
    private static SqlText FindUnpinned =>
        $"""
        SELECT string_agg(g.tgname::text || ', ALTER FUNCTION ' || p.oid::regprocedure::text || ' SET search_path = …', '; ' ORDER BY
            g.tgname)
        FROM   pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_language l ON l.oid = p.prolang
        WHERE  g.tgrelid = 'embedding_queue'::regclass AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND l.lanname <> 'c' AND l.lanname <>
            'internal'
        AND    NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search\_path=%')
        """;

    private static readonly string[] _columns = [
        "id", "table_name", "record_id", "content", "embedding_column", "status", "error_message", "created_at", "processed_at"];

    /// <summary>Of all corpora together; a queue that an older system left is used as it is.</summary>
    public static IEnumerable<SchemaObject> Objects(DatabaseSchemas schemas)
    {
        var table = schemas.QueueTable(Name);
        SchemaObject Column(string name, string type) =>
            new(ObjectKind.Column, schemas.Queue, Name, name, $"ADD COLUMN {name} {type}") { IsShared = true, MayBeThere = true };
        SchemaObject Index(string name, string columns) =>
            new(ObjectKind.Index, schemas.Queue, Name, name, $"{name} ON {table} {columns}") { IsShared = true, MayBeThere = true };
        return
        [
            new(
                ObjectKind.Table, schemas.Queue, "", Name,
                SqlScript.Read("objects/embedding_queue.sql", ("schema", Sql.Identifier(schemas.Queue))))
            { IsShared = true, MayBeThere = true },
            Column("user_id", "uuid"),
            Column("attempts", "integer NOT NULL DEFAULT 0"),
            // A pending row without it is a request that no run has taken yet.
            Column("taken_at", "timestamptz"),
            Index(
                "embedding_queue_table_name_record_id_embedding_column_key", "(table_name, record_id, embedding_column)") with
            { IsUnique = true },
            Index("embedding_queue_status_created_at", "(status, created_at)"),
            Index(
                "embedding_queue_asked",
                "(table_name, embedding_column, created_at) WHERE status = 'pending' AND taken_at IS NULL") with
            { MayBeThere = false },
            new(
                ObjectKind.Trigger, schemas.Queue, Name, "embedding_queue_receive",
                $"""
                CREATE OR REPLACE TRIGGER embedding_queue_receive BEFORE INSERT OR UPDATE ON {table}
                    FOR EACH ROW EXECUTE FUNCTION embedding.receive_queue_row()
                """)
            { IsShared = true },
        ];
    }

    /// <exception cref="DatabaseNotReadyException">A table of the name is there that cannot serve.</exception>
    public static async Task Ensure(ResolvedTable table, CatalogueTable? found, NpgsqlDataSource database, CancellationToken cancellation)
    {
        if (found is null)
        {
            return;
        }

        if (_columns.Where(column => !found.Columns.ContainsKey(column)).ToList() is { Count: > 0 } missing)
        {
            throw new DatabaseNotReadyException(
                $"The table {Name} has no {string.Join(", ", missing)}: add the columns, or rename the table, and migrate again.");
        }

        var type = found.Columns["record_id"].Type;
        if (type is not ("text" or "character varying") && type != table.IdTypeName)
        {
            throw new DatabaseNotReadyException(
                $"The column {Name}.record_id is of type {type}, the {table.Kind}'s id of type {table.IdType}: alter the column to text, "
                    + "and migrate again.");
        }

        if (await database.ScalarAsync<string>(FindUnfit(table), cancellation) is { } unfit)
        {
            throw new DatabaseNotReadyException(unfit);
        }

        if (await database.ScalarAsync<string>(FindRequired(table), cancellation) is { } required)
        {
            throw new DatabaseNotReadyException(
                $"The table {Name} needs a value in {required}: give it a default, or let it be null, and migrate again.");
        }

        if (await database.ScalarAsync<string>(FindTwice, cancellation) is { } twice)
        {
            throw new DatabaseNotReadyException($"The table {Name} has a row twice ({twice}): leave one of each, and migrate again.");
        }
    }

    /// <returns>What to know of triggers of the queue that rely on a caller's search path, or null if there are none.</returns>
    public static async Task<string?> Unpinned(NpgsqlDataSource database, CancellationToken cancellation) =>
        await database.ScalarAsync<string>(FindUnpinned, cancellation) is { } triggers
            ? $"triggers of {Name} look names up in pg_catalog alone when a changed item is queued; one that fails keeps the row out of "
                + "the queue, with a warning. "
                + $"Unless these write their names with schemas, say where they look: {triggers}"
            : null;
}
