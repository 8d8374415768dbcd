using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>
/// What ties a table to <c>embedding_queue</c>, as functions and triggers of the database: a changed row is queued by its writer's own transaction,
/// and a queue row's status is worked out from the claim and the item whenever one of them changes; what that missed, a run puts right.
/// </summary>
internal static class QueueShape
{
    // An application role may write the items and know nothing of the queue. A queue row that somebody holds is not waited for long.
    private const string AsOwner = "SECURITY DEFINER";

    private const int FilledAtATime = 5_000;

    // By a constraint, a trigger or a type of its owner's.
    private const string Refused = "integrity_constraint_violation OR string_data_right_truncation OR raise_exception OR insufficient_privilege OR undefined_table OR undefined_column OR undefined_function OR datatype_mismatch";

    /// <summary>Each to be run by itself; all may be run again.</summary>
    public static IReadOnlyList<string> Create(Corpus corpus, BoundTable table) =>
    [
        .. QueueTable.Create, TemplateFunction.Create(table), Settle(corpus.Name, table), .. Watch(corpus.Name, table),
        .. table.Queue == QueuedText.Content ? KeepContent(table) : [$"DROP FUNCTION IF EXISTS {Function("content", table.Found)}() CASCADE"],
        .. Enqueue(table), QueueTable.Secure([Function("watch", table.Found), Function("content", table.Found), Function("enqueue", table.Found)], Function("settle", table.Found)), .. corpus.Trigger ? [WakeShape.OfQueue(table)] : Array.Empty<string>(),
    ];

    /// <summary>Gives some items their content; to be repeated until none is left.</summary>
    public static string FillContent(BoundTable table) =>
        $"""
        UPDATE {table.Table} t SET {Sql.Identifier(TableRules.ContentColumn)} = {TemplateFunction.Name(table.Found)}(t.*)
        WHERE  {table.Id} IN (
            SELECT {table.Id} FROM {table.Table} t
            WHERE  {table.Column(TableRules.ContentColumn)} IS NULL
            OR     {table.Column(TableRules.ContentColumn)} <> {TemplateFunction.Name(table.Found)}(t.*)
                   AND NOT EXISTS (SELECT FROM {QueueTable.Targets} WHERE {IsOf(table)} AND template = {Sql.Literal(table.DeclaredText)})
                   AND NOT EXISTS (SELECT FROM embedding_queue q WHERE {IsOf(table)} AND q.record_id::text = {table.Id}::text AND q.status = 'pending' AND q.taken_at IS NULL{InItsOwnersName(table)})
            LIMIT {FilledAtATime})
        """;

    /// <summary>
    /// Declares the table, queues what is pending, as an older system's migration did, and asks again for what was refused before it was declared.
    /// What is queued is locked, so that no edit comes between the reading of a text and the writing of its queue row; who edits an item at this
    /// moment queues it himself.
    /// </summary>
    public static IReadOnlyList<string> Fill(string corpus, BoundTable table) =>
    [
        Target(corpus, table),
        $"""
        WITH items AS MATERIALIZED (
            SELECT {table.Id} AS key, {Content(table)} AS content{OfOwner(table, ", t.user_id")}
            FROM   {table.Table} t
            WHERE  {table.Pending} AND {Content(table)} ~ '\S'
            AND    NOT EXISTS (
                SELECT FROM embedding_queue q
                WHERE  {IsOf(table)} AND q.record_id::text = {table.Id}::text AND (q.content = {Content(table)} OR q.status = 'pending' AND q.taken_at IS NULL))
            FOR    NO KEY UPDATE OF t SKIP LOCKED
        )
        INSERT INTO embedding_queue (table_name, record_id, content, embedding_column{OfOwner(table, ", user_id")}, taken_at)
        SELECT {Sql.Literal(table.DeclaredName)}, key, content, {Sql.Literal(table.VectorColumn)}{OfOwner(table, ", user_id")}, clock_timestamp()
        FROM   items
        ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content = EXCLUDED.content{OfOwner(table, ", user_id = EXCLUDED.user_id")}, taken_at = clock_timestamp()
        WHERE  embedding_queue.content <> EXCLUDED.content AND NOT (embedding_queue.status = 'pending' AND embedding_queue.taken_at IS NULL)
        """,
        $"UPDATE embedding_queue SET status = 'pending' WHERE {IsOf(table)} AND status = 'failed' AND attempts = 0 AND taken_at IS NULL",
    ];

    /// <summary>The functions take their triggers with them.</summary>
    public static string Removal(FoundTable table, string name, string vector) =>
        $"""
        DROP FUNCTION IF EXISTS {Function("enqueue", table)}(), {Function("content", table)}(), {Function("watch", table)}() CASCADE;
        DROP FUNCTION IF EXISTS {Function("settle", table)}(text), {TemplateFunction.Name(table)}({table.Quoted});
        DELETE FROM {QueueTable.Targets} WHERE table_name = {Sql.Literal(name)} AND embedding_column = {Sql.Literal(vector)}
        """;

    /// <summary>The condition on the queue's rows that ask for vectors of this table.</summary>
    public static string IsOf(BoundTable table) => $"table_name = {Sql.Literal(table.DeclaredName)} AND embedding_column = {Sql.Literal(table.VectorColumn)}";

    /// <summary>To be joined to an item <c>t</c>: <c>wish.content</c> is what somebody asks to have embedded of it and no run has taken yet, else null.</summary>
    public static string Wish(BoundTable table) => table.Queue == QueuedText.None ? "CROSS JOIN (SELECT NULL::text AS content) wish" :
        $"""
        LEFT JOIN LATERAL (
            SELECT q.content FROM embedding_queue q
            WHERE  {IsOf(table)} AND q.record_id::text = {table.Id}::text AND q.status = 'pending' AND q.taken_at IS NULL{InItsOwnersName(table)}
        ) wish ON true
        """;

    /// <summary>A condition to append: a wish in another user's name than the item's is not granted, for its content is anybody's.</summary>
    public static string InItsOwnersName(BoundTable table) => OfOwner(table, " AND (q.user_id IS NULL OR q.user_id::text = t.user_id::text)");

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
        table.Queue == QueuedText.Content ? table.Column(TableRules.ContentColumn) : $"{TemplateFunction.Name(table.Found)}(t.*)";

    private static string Number(string type, long least, long most) =>
        $"CASE WHEN q.record_id::text ~ '^-?[0-9]{{1,19}}$' THEN CASE WHEN q.record_id::text::numeric BETWEEN {least} AND {most} THEN q.record_id::text::{type} END END";

    // What an earlier declaration called it is granted no more. The template is that of the content in the items: none, while it is not kept.
    private static string Target(string corpus, BoundTable table) =>
        $"""
        WITH earlier AS (
            DELETE FROM {QueueTable.Targets} WHERE corpus = {Sql.Literal(corpus)} AND kind = {Sql.Literal(table.Kind)} AND NOT ({IsOf(table)})
        )
        INSERT INTO {QueueTable.Targets} (table_name, embedding_column, corpus, kind, key_type, template)
        VALUES ({string.Join(", ", new[] { table.DeclaredName, table.VectorColumn, corpus, table.Kind, table.IdType, table.Queue == QueuedText.Content ? table.DeclaredText : "" }.Select(Sql.Literal))})
        ON CONFLICT (table_name, embedding_column) DO UPDATE
        SET    corpus = EXCLUDED.corpus, kind = EXCLUDED.kind, key_type = EXCLUDED.key_type, template = EXCLUDED.template
        """;

    // A queue that refuses what it is told, or is locked, is left as it is: it must not keep vectors from being stored.
    private static string Settle(string corpus, BoundTable table) => Routine(Function("settle", table.Found) + "(item text)", "void",
        $"""
        #variable_conflict use_variable
        DECLARE
            item_key embedding_queue.record_id%TYPE := item;
            claim embedding_claims;
            is_item boolean;
            is_pending boolean;
            mark text;
            new_status text := 'failed';
            new_reason text;
        BEGIN
            SELECT * INTO claim FROM embedding_claims c WHERE c.corpus = {Sql.Literal(corpus)} AND c.kind = {Sql.Literal(table.Kind)} AND c.item_id = item;
            SELECT (true{table.Filter}) IS TRUE, COALESCE({table.Pending}, false), t.content_hash INTO is_item, is_pending, mark
            FROM   {table.Table} t WHERE {table.Id} = item::{table.IdType};
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
                new_reason := 'somebody had it ignored until its text changes';
            ELSE
                new_status := 'completed';
                new_reason := CASE WHEN mark = '{BoundTable.EmptyMark}' THEN 'the text is blank: there is nothing to embed' END;
            END IF;
            UPDATE embedding_queue q
            SET    status = new_status, error_message = new_reason, attempts = COALESCE(claim.attempts, q.attempts), taken_at = clock_timestamp(),
                   processed_at = CASE WHEN new_status IN ('completed', 'failed') THEN clock_timestamp() END
            WHERE  {IsOf(table)} AND q.record_id = item_key
            AND    NOT (q.status = 'pending' AND q.taken_at IS NULL)
            AND    NOT (q.status = 'completed' AND is_item IS NOT TRUE)
            AND    (q.status, q.error_message, q.attempts) IS DISTINCT FROM (new_status, new_reason, COALESCE(claim.attempts, q.attempts));
        EXCEPTION
            WHEN {Refused} OR lock_not_available OR deadlock_detected THEN
                RAISE WARNING 'embedding_queue keeps its row of %: %', item, SQLERRM;
        END
        """, "SET lock_timeout = '250ms'");

    private static IReadOnlyList<string> Watch(string corpus, BoundTable table)
    {
        var function = Function("watch", table.Found);
        // The table is shared: other schemas may have a table of the name.
        string Name(string purpose) => Sql.Identifier(CorpusShape.Name(purpose, table.Found, table.Table));
        string On(string row) => $"WHEN ({row}.corpus = {Sql.Literal(corpus)} AND {row}.kind = {Sql.Literal(table.Kind)}) EXECUTE FUNCTION {function}()";
        return
        [
            Routine(function + "()", "trigger", $"BEGIN PERFORM {Function("settle", table.Found)}(COALESCE(NEW.item_id, OLD.item_id)); RETURN NULL; END"),
            $"CREATE OR REPLACE TRIGGER {Name("embedding_queue_watch")} AFTER INSERT OR UPDATE OF token, reason, is_dead ON embedding_claims FOR EACH ROW {On("NEW")}",
            $"CREATE OR REPLACE TRIGGER {Name("embedding_queue_unwatch")} AFTER DELETE ON embedding_claims FOR EACH ROW {On("OLD")}",
        ];
    }

    // Before the trigger that notes an edit: to it the content is the text.
    private static IReadOnlyList<string> KeepContent(BoundTable table) =>
    [
        Routine(Function("content", table.Found) + "()", "trigger",
            $"""
            BEGIN
                IF TG_OP = 'INSERT' OR {IsEdited(table)} THEN
                    NEW.{Sql.Identifier(TableRules.ContentColumn)} := {TemplateFunction.Name(table.Found)}(NEW);
                END IF;
                RETURN NEW;
            END
            """),
        $"CREATE OR REPLACE TRIGGER {ContentTrigger(table.Found)} BEFORE INSERT OR UPDATE ON {table.Table} FOR EACH ROW EXECUTE FUNCTION {Function("content", table.Found)}()",
    ];

    // Nor must such a queue keep anybody from writing an item, which is pending without a row of the queue as well.
    private static IReadOnlyList<string> Enqueue(BoundTable table)
    {
        var (old, current, function) = (table.WithRow("OLD."), table.WithRow("NEW."), Function("enqueue", table.Found));
        var text = table.Queue == QueuedText.Content ? current.Column(TableRules.ContentColumn) : $"{TemplateFunction.Name(table.Found)}(NEW)";
        string IsItem(BoundTable row) => $"((true{row.Filter}) IS TRUE)";
        return
        [
            Routine(function + "()", "trigger",
                $"""
                DECLARE
                    item_key embedding_queue.record_id%TYPE := COALESCE({current.Id}, {old.Id});
                    item_text text;
                BEGIN
                    IF TG_OP <> 'DELETE' AND {IsItem(current)} THEN
                        item_text := {text};
                        IF TG_OP = 'INSERT' AND item_text ~ '\S' OR TG_OP = 'UPDATE' AND ({IsEdited(table)} OR NOT {IsItem(old)}) THEN
                            BEGIN
                                INSERT INTO embedding_queue (table_name, record_id, content, embedding_column{OfOwner(table, ", user_id")}, taken_at)
                                VALUES ({Sql.Literal(table.DeclaredName)}, item_key, item_text, {Sql.Literal(table.VectorColumn)}{OfOwner(table, ", NEW.user_id")}, clock_timestamp())
                                ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE
                                SET    content = EXCLUDED.content{OfOwner(table, ", user_id = EXCLUDED.user_id")}, status = 'pending', error_message = NULL, processed_at = NULL, attempts = 0, taken_at = clock_timestamp();
                            EXCEPTION WHEN {Refused} THEN
                                RAISE WARNING 'embedding_queue takes no row of %: %', item_key, SQLERRM;
                            END;
                        END IF;
                    END IF;
                    PERFORM {Function("settle", table.Found)}(item_key::text);
                    RETURN NULL;
                END
                """),
            $"CREATE OR REPLACE TRIGGER {Trigger(table.Found, "queue")} AFTER INSERT OR DELETE ON {table.Table} FOR EACH ROW EXECUTE FUNCTION {function}()",
            $"""
            CREATE OR REPLACE TRIGGER {Trigger(table.Found, "requeue")} AFTER UPDATE ON {table.Table}
                FOR EACH ROW WHEN ({IsEdited(table)} OR {IsItem(current)} <> {IsItem(old)}) EXECUTE FUNCTION {function}()
            """,
        ];
    }

    private static string IsEdited(BoundTable table)
    {
        string Texts(string row) => string.Join(", ", table.Declared.Columns.Select(table.WithRow(row).Text));
        return $"ROW({Texts("NEW.")}) IS DISTINCT FROM ROW({Texts("OLD.")})";
    }

    /// <summary>Whether its rows are users', by <c>user_id</c>.</summary>
    public static bool HasOwner(BoundTable table) => table.Found.Columns.GetValueOrDefault("user_id")?.Type == "uuid";

    /// <summary>The piece of SQL, if they are.</summary>
    public static string OfOwner(BoundTable table, string sql) => HasOwner(table) ? sql : "";

    // A literal, because a column's name could hold any other quotes.
    private static string Routine(string signature, string returns, string body, string settings = "") =>
        $"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE plpgsql {AsOwner} SET search_path FROM CURRENT {settings} AS {Sql.Literal(body)}";

    private static string Function(string does, FoundTable table) => $"{Sql.Identifier(table.Schema)}.{Sql.Identifier(CorpusShape.Name($"embedding_queue_{does}", table))}";

    private static string Trigger(FoundTable table, string does) => Sql.Identifier(CorpusShape.Name($"embedding_{does}", table));

    private static string ContentTrigger(FoundTable table) => Sql.Identifier(CorpusShape.Name("zzy_embedding_content", table));
}
