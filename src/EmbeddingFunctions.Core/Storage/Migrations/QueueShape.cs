using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>
/// What ties a table to <c>embedding_queue</c>, as functions and triggers of the database: a changed row is queued by its writer's own transaction,
/// and a queue row's status is worked out from the claim and the item whenever one of them changes; what that missed, a run puts right.
/// </summary>
internal static class QueueShape
{
    // An application role may write the items and know nothing of the queue. A queue row that another holds is not waited for long.
    private const string AsOwner = "SECURITY DEFINER";

    /// <summary>Of the table; and, of all corpora with a queue, the queue itself.</summary>
    public static IEnumerable<Part> Parts(Corpus corpus, BoundTable table) =>
    [
        .. QueueTable.Parts(table.Schemas), TemplateFunction.Part(table), Settle(corpus.Name, table), .. Watch(corpus.Name, table),
        .. table.Queue == QueuedText.Content ? KeepContent(table) : [], .. Enqueue(table),
        .. corpus.Trigger ? [WakeShape.OfQueue(table)] : Array.Empty<Part>(),
    ];

    /// <summary>
    /// Declares the table, and asks again for what was refused before it was declared.
    /// </summary>
    public static IReadOnlyList<string> Declare(string corpus, BoundTable table) =>
    [
        Target(corpus, table),
        $"UPDATE {Queue(table)} SET status = 'pending' WHERE {IsOf(table)} AND status::text = 'failed' AND attempts = 0 AND taken_at IS NULL",
    ];

    /// <summary>
    /// For <see cref="TablePage"/>: gives items their content. Before <see cref="Declare"/>: the template of the content that is there is the one
    /// declared then.
    /// </summary>
    public static string FillContent(BoundTable table) =>
        $"""
        filled AS (
            UPDATE {table.Table} t SET {Sql.Identifier(table.Own.Content)} = {TemplateFunction.Name(table.Found)}(t.*)
            FROM   page
            WHERE  {table.Id} {Sql.Is} page.key
            AND   ({table.Column(table.Own.Content)} IS NULL
            OR     {table.Column(table.Own.Content)} <> {TemplateFunction.Name(table.Found)}(t.*)
                   AND NOT EXISTS (SELECT FROM {Targets(table)} WHERE {IsOf(table)} AND template = {Sql.Literal(table.DeclaredText)})
                   AND NOT EXISTS (SELECT FROM {Queue(table)} q WHERE {IsOf(table)} AND q.record_id::text = {table.Id}::text
                                   AND q.status::text = 'pending' AND q.taken_at IS NULL{InItsOwnersName(table)}))
        )
        """;

    /// <summary>
    /// For <see cref="TablePage"/>: queues what is pending, as an older system's migration did. What is queued is locked, so that no edit comes between
    /// the reading of a text and the writing of its queue row; a writer that has the row at this moment queues it.
    /// </summary>
    public static string Fill(BoundTable table) =>
        $"""
        items AS MATERIALIZED (
            SELECT {table.Id} AS key, {Content(table)} AS content{OfOwner(table, ", t.user_id")}
            FROM   {table.Table} t JOIN page ON {table.Id} {Sql.Is} page.key
            WHERE  {table.Pending} AND {Content(table)} ~ '\S'
            AND    NOT EXISTS (
                SELECT FROM {Queue(table)} q
                WHERE  {IsOf(table)} AND q.record_id::text = {table.Id}::text AND (q.content::text = {Content(table)} OR q.status::text = 'pending' AND q.taken_at IS NULL))
            FOR    NO KEY UPDATE OF t SKIP LOCKED
        ),
        queued AS (
            INSERT INTO {Queue(table)} AS q (table_name, record_id, content, embedding_column{OfOwner(table, ", user_id")}, taken_at)
            SELECT {Sql.Literal(table.DeclaredName)}, key, content, {Sql.Literal(table.VectorColumn)}{OfOwner(table, ", user_id")}, clock_timestamp()
            FROM   items
            ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content = EXCLUDED.content{OfOwner(table, ", user_id = EXCLUDED.user_id")}, taken_at = clock_timestamp()
            WHERE  q.content::text <> EXCLUDED.content::text AND NOT (q.status::text = 'pending' AND q.taken_at IS NULL)
        )
        """;

    /// <summary>Takes the table from those that the queue's rows may name.</summary>
    public static string Removal(string schema, string corpus) =>
        $"DELETE FROM {Sql.Identifier(schema)}.{QueueTable.Targets} WHERE corpus = {Sql.Literal(corpus)}";

    /// <summary>The condition on the queue's rows that ask for vectors of this table.</summary>
    public static string IsOf(BoundTable table) => $"table_name::text = {Sql.Literal(table.DeclaredName)} AND embedding_column::text = {Sql.Literal(table.VectorColumn)}";

    /// <summary>To be joined to an item <c>t</c>: <c>wish.content</c> is what was asked to be embedded of it and no run has taken yet, else null.</summary>
    public static string Wish(BoundTable table) => table.Queue == QueuedText.None ? "CROSS JOIN (SELECT NULL::text AS content) wish" :
        $"""
        LEFT JOIN LATERAL (
            SELECT q.content FROM {Queue(table)} q
            WHERE  {IsOf(table)} AND q.record_id::text = {table.Id}::text AND q.status::text = 'pending' AND q.taken_at IS NULL{InItsOwnersName(table)}
        ) wish ON true
        """;

    /// <summary>A condition to append: a wish that is not in the name of the item's own user is not granted, for its content may be another's.</summary>
    public static string InItsOwnersName(BoundTable table) => OfOwner(table, " AND q.user_id::text IS NOT DISTINCT FROM t.user_id::text");

    /// <summary>The function that works out a queue row's status from the claim and the item; it takes the item's id.</summary>
    public static string SettleFunction(BoundTable table) => Function("settle", table.Found);

    /// <summary>A queue row's <c>record_id</c> as the item's key, null where it cannot be one.</summary>
    public static string Key(BoundTable table) => table.IdType switch
    {
        "uuid" => "CASE WHEN q.record_id::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN q.record_id::text::uuid END",
        "bigint" => Number("bigint", long.MinValue, long.MaxValue),
        "integer" => Number("integer", int.MinValue, int.MaxValue),
        _ => "q.record_id::text",
    };

    private static string Content(BoundTable table) =>
        table.Queue == QueuedText.Content ? table.Column(table.Own.Content) : $"{TemplateFunction.Name(table.Found)}(t.*)";

    private static string Number(string type, long least, long most) =>
        $"CASE WHEN q.record_id::text ~ '^-?[0-9]{{1,19}}$' THEN CASE WHEN q.record_id::text::numeric BETWEEN {least} AND {most} THEN q.record_id::text::{type} END END";

    // What an earlier declaration called it is granted no more. The template is that of the content in the items: none, while it is not kept.
    private static string Target(string corpus, BoundTable table) =>
        $"""
        WITH earlier AS (
            DELETE FROM {Targets(table)} WHERE corpus = {Sql.Literal(corpus)} AND kind = {Sql.Literal(table.Kind)} AND NOT ({IsOf(table)})
        )
        INSERT INTO {Targets(table)} (table_name, embedding_column, corpus, kind, key_type, template)
        VALUES ({string.Join(", ", new[] { table.DeclaredName, table.VectorColumn, corpus, table.Kind, table.IdType, table.Queue == QueuedText.Content ? table.DeclaredText : "" }.Select(Sql.Literal))})
        ON CONFLICT (table_name, embedding_column) DO UPDATE
        SET    corpus = EXCLUDED.corpus, kind = EXCLUDED.kind, key_type = EXCLUDED.key_type, template = EXCLUDED.template
        """;

    private static string Queue(BoundTable table) => table.Schemas.QueueTable(QueueTable.Name);

    private static string Targets(BoundTable table) => table.Schemas.QueueTable(QueueTable.Targets);

    private static string Claims(BoundTable table) => table.Schemas.EngineTable("embedding_claims");

    // A queue that refuses what it is told, or is locked, is left as it is: it must not keep vectors from being stored.
    private static Part Settle(string corpus, BoundTable table) => Routine(table, "settle", "item text", "void",
        $"""
        #variable_conflict use_variable
        DECLARE
            item_key {Queue(table)}.record_id%TYPE := item;
            claim {Claims(table)};
            is_item boolean;
            is_pending boolean;
            mark text;
            new_status text := 'failed';
            new_reason text;
        BEGIN
            SELECT * INTO claim FROM {Claims(table)} c WHERE c.corpus = {Sql.Literal(corpus)} AND c.kind = {Sql.Literal(table.Kind)} AND c.item_id = item;
            SELECT (true{table.Filter}) IS TRUE, COALESCE({table.Pending}, false), {table.Hash} INTO is_item, is_pending, mark
            FROM   {table.Table} t WHERE {table.Id} {Sql.Is} item::{table.IdType};
            IF claim.leased_until > clock_timestamp() THEN
                new_status := 'processing';
            ELSIF is_item IS NULL THEN
                new_reason := 'the row was deleted';
            ELSIF NOT is_item THEN
                new_reason := 'the declaration leaves this row out';
            ELSIF is_pending THEN
                new_status := 'pending';
                new_reason := claim.reason;
            ELSIF mark = '{BoundTable.DeadMark}' THEN
                new_reason := claim.reason;
            ELSIF mark LIKE '{BoundTable.IgnoredMarks}' THEN
                new_reason := 'it is ignored until its text changes';
            ELSE
                new_status := 'completed';
                new_reason := CASE WHEN mark = '{BoundTable.EmptyMark}' THEN 'the text is blank: there is nothing to embed' END;
            END IF;
            UPDATE {Queue(table)} q
            SET    status = new_status, error_message = new_reason, attempts = COALESCE(claim.attempts, q.attempts), taken_at = clock_timestamp(),
                   processed_at = CASE WHEN new_status IN ('completed', 'failed') THEN clock_timestamp() END
            WHERE  {IsOf(table)} AND q.record_id::text = item_key::text
            AND    NOT (q.status::text = 'pending' AND q.taken_at IS NULL)
            AND    NOT (q.status::text = 'completed' AND is_item IS NOT TRUE)
            AND    (q.status::text, q.error_message::text, q.attempts) IS DISTINCT FROM (new_status, new_reason, COALESCE(claim.attempts, q.attempts));
        EXCEPTION
            WHEN OTHERS THEN
                RAISE WARNING 'embedding_queue keeps its row of %: %', item, SQLERRM;
        END
        """, "SET lock_timeout = '250ms'");

    private static IEnumerable<Part> Watch(string corpus, BoundTable table)
    {
        // The table is shared: other schemas may have a table of the name.
        Part Trigger(string purpose, string events, string row) =>
            CorpusShape.Name(purpose, table.Found, table.Table) is var name ? new(PartKind.Trigger, table.Schemas.Engine, "embedding_claims", name,
                $"""
                CREATE OR REPLACE TRIGGER {Sql.Identifier(name)} AFTER {events} ON {Claims(table)} FOR EACH ROW
                    WHEN ({row}.corpus = {Sql.Literal(corpus)} AND {row}.kind = {Sql.Literal(table.Kind)}) EXECUTE FUNCTION {Function("watch", table.Found)}()
                """) : throw new InvalidOperationException();
        return
        [
            Routine(table, "watch", "", "trigger", $"BEGIN PERFORM {Function("settle", table.Found)}(COALESCE(NEW.item_id, OLD.item_id)); RETURN NULL; END"),
            Trigger("embedding_queue_watch", "INSERT OR UPDATE OF token, reason, is_dead", "NEW"),
            Trigger("embedding_queue_unwatch", "DELETE", "OLD"),
        ];
    }

    // Before the trigger that notes an edit: to it the content is the text. A table that was altered keeps no writer from writing.
    private static IEnumerable<Part> KeepContent(BoundTable table)
    {
        yield return Routine(table, "content", "", "trigger",
            $"""
            BEGIN
                IF TG_OP = 'INSERT' OR {IsEdited(table)} THEN
                    NEW.{Sql.Identifier(table.Own.Content)} := {TemplateFunction.Name(table.Found)}(NEW);
                END IF;
                RETURN NEW;
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, SQLERRM;
                RETURN NEW;
            END
            """);
        yield return RowTrigger(table, CorpusShape.Name("zzy_embedding_content", table.Found), "BEFORE INSERT OR UPDATE", "content");
    }

    // Nor must such a queue keep a writer from writing an item, which is pending without a row of the queue as well.
    private static IEnumerable<Part> Enqueue(BoundTable table)
    {
        var (old, current) = (table.WithRow("OLD."), table.WithRow("NEW."));
        var text = table.Queue == QueuedText.Content ? current.Column(table.Own.Content) : $"{TemplateFunction.Name(table.Found)}(NEW)";
        string IsItem(BoundTable row) => $"((true{row.Filter}) IS TRUE)";
        yield return Routine(table, "enqueue", "", "trigger",
            $"""
            DECLARE
                item_key {Queue(table)}.record_id%TYPE := COALESCE({current.Id}, {old.Id});
                item_text text;
            BEGIN
                IF TG_OP = 'UPDATE' AND NOT ({IsEdited(table)} OR {IsItem(current)} <> {IsItem(old)}) THEN
                    RETURN NULL;
                END IF;
                IF TG_OP = 'DELETE' THEN
                    -- Its text goes with it; what a row of the queue that another holds says is left to a later run.
                    UPDATE {Queue(table)} q SET content = '', taken_at = clock_timestamp() WHERE q.ctid = ANY (ARRAY(
                        SELECT h.ctid FROM {Queue(table)} h WHERE {IsOf(table)} AND h.record_id::text = item_key::text FOR UPDATE SKIP LOCKED));
                ELSIF {IsItem(current)} THEN
                    item_text := {text};
                    IF TG_OP = 'INSERT' AND item_text ~ '\S' OR TG_OP = 'UPDATE' AND ({IsEdited(table)} OR NOT {IsItem(old)}) THEN
                        INSERT INTO {Queue(table)} (table_name, record_id, content, embedding_column{OfOwner(table, ", user_id")}, taken_at)
                        VALUES ({Sql.Literal(table.DeclaredName)}, item_key, item_text, {Sql.Literal(table.VectorColumn)}{OfOwner(table, ", NEW.user_id")}, clock_timestamp())
                        ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE
                        SET    content = EXCLUDED.content{OfOwner(table, ", user_id = EXCLUDED.user_id")}, status = 'pending', error_message = NULL, processed_at = NULL, attempts = 0, taken_at = clock_timestamp();
                    END IF;
                END IF;
                PERFORM {Function("settle", table.Found)}(item_key::text);
                RETURN NULL;
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'embedding_queue takes no row of %: %', item_key, SQLERRM;
                RETURN NULL;
            END
            """);
        yield return RowTrigger(table, CorpusShape.Name("embedding_queue", table.Found), "AFTER INSERT OR DELETE", "enqueue");
        yield return RowTrigger(table, CorpusShape.Name("embedding_requeue", table.Found), "AFTER UPDATE", "enqueue");
    }

    private static Part RowTrigger(BoundTable table, string name, string moment, string does) => new(PartKind.Trigger, table.Schema, table.Name, name,
        $"CREATE OR REPLACE TRIGGER {Sql.Identifier(name)} {moment} ON {table.Table} FOR EACH ROW EXECUTE FUNCTION {Function(does, table.Found)}()");

    private static string IsEdited(BoundTable table)
    {
        string Texts(string row) => string.Join(", ", table.Declared.Columns.Select(table.WithRow(row).Text));
        return $"ROW({Texts("NEW.")}) IS DISTINCT FROM ROW({Texts("OLD.")})";
    }

    /// <summary>Whether its rows are users', by <c>user_id</c>.</summary>
    public static bool HasOwner(BoundTable table) => table.Found.Columns.GetValueOrDefault("user_id")?.Type == "uuid";

    /// <summary>The piece of SQL, if they are.</summary>
    public static string OfOwner(BoundTable table, string sql) => HasOwner(table) ? sql : "";

    // A literal, because a column's name could hold any other quotes. Who may write an item, or a claim, is the one to call it.
    private static Part Routine(BoundTable table, string does, string arguments, string returns, string body, string settings = "")
    {
        var (name, types) = (Function(does, table.Found), arguments.Split(' ')[^1]);
        return new(PartKind.Function, table.Schema, "", $"{name}({types})",
            $"""
            CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {returns} LANGUAGE plpgsql {AsOwner} {Sql.SafePath} {settings} AS {Sql.Literal(body)};
            REVOKE EXECUTE ON FUNCTION {name}({types}) FROM PUBLIC
            """);
    }

    private static string Function(string does, FoundTable table) => CorpusShape.Function($"embedding_queue_{does}", table);
}
