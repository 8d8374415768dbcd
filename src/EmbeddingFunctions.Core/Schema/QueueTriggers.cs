using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// The triggers of a table with a queue, and of the claims on its items: a statement queues the rows that it changes in its writer's
/// transaction, and an item's outcome is written to its queue row.
/// </summary>
internal static class QueueTriggers
{
    // An application role may write the items and know nothing of the queue. A queue row that another holds is not waited for long.
    private const string AsOwner = "SECURITY DEFINER";

    private const string OldRows = "embedding_old";
    private const string NewRows = "embedding_new";

    // A session keeps the plan that it made while the tables were small.
    private const string ByIndex = "SET enable_nestloop = on SET enable_seqscan = off";

    // Rows before and after, which have no index.
    private const string ByHash = "SET enable_nestloop = off SET enable_hashjoin = on";

    public static IEnumerable<SchemaObject> Objects(string corpus, ResolvedTable table) =>
        [
            Settle(corpus, table), .. Watch(corpus, table), .. table.Queue == QueuedText.Content ? KeepContent(table) : [],
            .. Enqueue(corpus, table)];

    // A queue that refuses a status, or is locked, is left as it is: it must not keep vectors from being stored.
    private static SchemaObject Settle(string corpus, ResolvedTable table) => Routine(table, "settle", "items text[]", "void",
        $"""
        #variable_conflict use_variable
        DECLARE
            item text;
        BEGIN
            LOOP
                BEGIN
                    FOREACH item IN ARRAY items LOOP
                        UPDATE {QueueSql.Queue(table)} q
                        SET    status = s.status, error_message = s.reason, attempts = COALESCE(s.attempts, q.attempts), taken_at =
                            clock_timestamp(),
                               processed_at = CASE WHEN s.status IN ('completed', 'failed') THEN clock_timestamp() END
                        FROM  (SELECT k.is_item, k.attempts,
                                      CASE WHEN k.is_leased THEN 'processing' WHEN k.is_item IS NOT TRUE THEN 'failed' WHEN k.is_pending
                                          THEN 'pending'
                                           WHEN k.state IN ('{ItemState.Failed}', '{ItemState.Ignored}') THEN 'failed'
                                           ELSE 'completed' END AS status,
                                      CASE WHEN k.is_leased THEN NULL WHEN k.is_item IS NULL THEN 'the row was deleted'
                                           WHEN NOT k.is_item THEN 'the declaration leaves this row out'
                                           WHEN k.is_pending OR k.state = '{ItemState.Failed}' THEN k.reason
                                           WHEN k.state = '{ItemState.Ignored}' THEN 'it is ignored until its text changes'
                                           WHEN k.state = '{ItemState.Empty}' THEN 'the text is blank: there is nothing to embed' END
                                               AS reason
                               FROM  (SELECT c.leased_until > clock_timestamp() AS is_leased, c.attempts, c.reason,
                                             CASE WHEN {table.Id} IS NOT NULL THEN (true{table.Filter}) IS TRUE END AS is_item,
                                             COALESCE({table.Pending}, false) AS is_pending, {table.State} AS state
                                      FROM  (SELECT) one
                                      LEFT   JOIN embedding.claims c ON {IsClaimOf(corpus, table, "item")}
                                      LEFT   JOIN {table.Table} t ON {table.Id} {Sql.Is} item::{table.IdType}) k) s
                        WHERE  {QueueSql.IsOf(table)} AND q.record_id::text = item
                        AND    NOT (q.status::text = 'pending' AND q.taken_at IS NULL)
                        AND    NOT (q.status::text = 'completed' AND s.is_item IS NOT TRUE)
                        AND    (q.status::text, q.error_message::text, q.attempts) IS DISTINCT FROM (s.status, s.reason,
                            COALESCE(s.attempts, q.attempts));
                    END LOOP;
                    RETURN;
                EXCEPTION
                    WHEN lock_not_available THEN
                        -- What another transaction holds is left to a later run; the rest is locked from here on.
                        items := ARRAY(SELECT q.record_id::text FROM {QueueSql.Queue(table)} q
                                       WHERE {QueueSql.IsOf(table)} AND q.record_id::text = ANY (items) FOR NO KEY UPDATE SKIP LOCKED);
                    WHEN OTHERS THEN
                        IF pg_catalog.cardinality(items) <= 1 THEN
                            RAISE WARNING 'embedding_queue keeps its row of %: %', items[1], SQLERRM;
                            RETURN;
                        END IF;
                        FOREACH item IN ARRAY items LOOP
                            PERFORM {Function("settle", table.Found)}(ARRAY[item]);
                        END LOOP;
                        RETURN;
                END;
            END LOOP;
        END
        """, $"SET lock_timeout = '250ms' {ByIndex}");

    private static IEnumerable<SchemaObject> Watch(string corpus, ResolvedTable table)
    {
        // The table is shared: other schemas may have a table of the name.
        SchemaObject Trigger(string purpose, string events, string row) =>
            ObjectNames.Name(purpose, table.Found, table.QuotedName) is var name
                ? new(ObjectKind.Trigger, EngineSchema.Name, "claims", name,
                $"""
                CREATE OR REPLACE TRIGGER {Sql.Identifier(name)} AFTER {events} ON embedding.claims FOR EACH ROW
                    WHEN ({row}.corpus = {Sql.Literal(corpus)} AND {row}.kind = {Sql.Literal(table.Kind)}) EXECUTE FUNCTION
                        {Function("watch", table.Found)}()
                """) : throw new InvalidOperationException();
        return
        [
            Routine(
                table, "watch", "", "trigger",
                $"BEGIN PERFORM {Function("settle", table.Found)}(ARRAY[COALESCE(NEW.item_id, OLD.item_id)]); RETURN NULL; END"),
            Trigger("embedding_queue_watch", "INSERT OR UPDATE OF token, reason, is_dead", "NEW"),
            Trigger("embedding_queue_unwatch", "DELETE", "OLD"),
        ];
    }

    // Before the trigger that notes an edit: to it the content is the text. A table that was altered keeps no writer from writing.
    private static IEnumerable<SchemaObject> KeepContent(ResolvedTable table)
    {
        yield return Routine(table, "content", "", "trigger",
            $"""
            DECLARE
                is_edited boolean := true;
            BEGIN
                IF TG_OP = 'UPDATE' THEN
                    {TextChange.Assign("is_edited", table, table.Declared.Columns)}
                END IF;
                IF is_edited THEN
                    NEW.{Sql.Identifier(table.Own.Content)} := {ObjectNames.TextFunction(table.Found)}(NEW);
                END IF;
                RETURN NEW;
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'embeddings: % was altered since it was migrated: %', TG_RELID::pg_catalog.regclass, SQLERRM;
                -- Without it, the text as declared counts: an edit is noted, though what it says cannot be read here.
                IF pg_catalog.current_setting('embeddings.writing', true) IS DISTINCT FROM 'on' THEN
                    NEW.{Sql.Identifier(table.Own.Content)} := NULL;
                END IF;
                RETURN NEW;
            END
            """);
        yield return Trigger(
            table, ObjectNames.Name("zzy_embedding_content", table.Found), "BEFORE INSERT OR UPDATE", "FOR EACH ROW", "content");
    }

    // A queue that rejects a row must not prevent the item's own write; the item is pending even without a row of the queue. All rows of a
    // statement are queued at once, in one subtransaction; if that fails, each in its own.
    private static IEnumerable<SchemaObject> Enqueue(string corpus, ResolvedTable table)
    {
        yield return Routine(table, "take", "items text[], event text", "void",
            $"""
            #variable_conflict use_variable
            DECLARE
                item text;
                place text;
            BEGIN
                BEGIN
                    IF event = 'DELETE' THEN
                        -- Its text goes with it; what a row of the queue that another holds says is left to a later run.
                        UPDATE {QueueSql.Queue(table)} q
                        SET    content = '', taken_at = clock_timestamp(), status = CASE q.status::text WHEN 'completed' THEN 'completed'
                            ELSE 'failed' END,
                               error_message = CASE q.status::text WHEN 'completed' THEN q.error_message ELSE 'the row was deleted' END,
                               processed_at = CASE q.status::text WHEN 'completed' THEN q.processed_at ELSE clock_timestamp() END
                        WHERE  q.ctid = ANY (ARRAY(
                            SELECT h.ctid FROM {QueueSql.Queue(table)} h WHERE {QueueSql.IsOf(table)} AND h.record_id::text = ANY
                                (items)
                            FOR UPDATE SKIP LOCKED));
                    ELSE
                        INSERT INTO {QueueSql.Queue(table)} (table_name, record_id, content,
                            embedding_column{QueueSql.OfOwner(table, $", user_id")}, taken_at)
                        SELECT {Sql.Literal(table.DeclaredName)}, r.key, r.content, {Sql.Literal(table.VectorColumn)}
                               {QueueSql.OfOwner(table, $", r.owner")}, clock_timestamp()
                        FROM   pg_catalog.unnest(items) AS w (key)
                        CROSS  JOIN LATERAL (
                            SELECT {table.Id} AS key, {QueueSql.Content(table)} AS
                                content{QueueSql.OfOwner(table, $", t.user_id AS owner")}
                            FROM   {table.Table} t WHERE {table.Id} {Sql.Is} w.key::{table.IdType} AND (true{table.Filter}) IS TRUE OFFSET
                                0) r
                        WHERE  event = 'UPDATE' OR r.content ~ '\S'
                        ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE
                        SET    content = EXCLUDED.content{QueueSql.OfOwner(table, $", user_id = EXCLUDED.user_id")}, status = 'pending',
                            error_message = NULL,
                               processed_at = NULL, attempts = 0, taken_at = clock_timestamp();
                    END IF;
                EXCEPTION WHEN OTHERS THEN
                    IF pg_catalog.cardinality(items) <= 1 THEN
                        GET STACKED DIAGNOSTICS place = PG_EXCEPTION_CONTEXT;
                        RAISE WARNING 'embedding_queue takes no row of %: % (%)', items[1], SQLERRM, pg_catalog.split_part(place, E'\n', 1)
                            USING HINT = 'Triggers of embedding_queue look names up in pg_catalog alone: '
                                || 'write them with their schema, or ALTER FUNCTION … SET search_path.';
                    ELSE
                        FOREACH item IN ARRAY items LOOP
                            PERFORM {Function("take", table.Found)}(ARRAY[item], event);
                        END LOOP;
                        RETURN;
                    END IF;
                END;
                -- The others are as they were queued: pending, and held by no run.
                items := ARRAY(
                    SELECT w.key FROM pg_catalog.unnest(items) AS w (key)
                    WHERE  EXISTS (SELECT FROM embedding.claims c WHERE {IsClaimOf(corpus, table, "w.key")} OFFSET 0)
                    OR     event <> 'DELETE' AND NOT EXISTS (
                        SELECT FROM {table.Table} t
                        WHERE  {table.Id} {Sql.Is} w.key::{table.IdType} AND {table.IsEdited} AND (true{table.Filter}) IS TRUE
                            OFFSET 0));
                PERFORM {Function("settle", table.Found)}(items);
            END
            """, $"SET plan_cache_mode = force_generic_plan {ByIndex}");
        // Written to by another table's name, neither a partition nor a child has a statement trigger of its own fire.
        var isByRow = table.Found.IsPartitioned || table.Found.HasParent;
        var (old, current) = (table.WithRow("o."), table.WithRow("n."));
        var (olds, news) = isByRow ? ("(SELECT OLD.*)", "(SELECT NEW.*)") : (OldRows, NewRows);
        string IsItem(ResolvedTable row) => $"((true{row.Filter}) IS TRUE)";
        string Texts(ResolvedTable row) => string.Join(", ", table.Declared.Columns.Select(row.Text));
        // A changed text took the rule away: only then the texts need be read.
        yield return Routine(table, "enqueue", "", "trigger",
            $"""
            DECLARE
                items text[];
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    SELECT pg_catalog.array_agg({current.Id}::text ORDER BY {current.Id}) INTO items FROM {news} n;
                ELSIF TG_OP = 'DELETE' THEN
                    SELECT pg_catalog.array_agg({old.Id}::text) INTO items FROM {olds} o;
                ELSE
                    SELECT pg_catalog.array_agg({current.Id}::text ORDER BY {current.Id}) INTO items
                    FROM   {news} n LEFT JOIN {olds} o ON {old.Id} {Sql.Is} {current.Id}
                    WHERE  {old.Id} IS NULL OR {IsItem(current)} <> {IsItem(old)}
                    OR     ({current.IsEdited} AND ROW({Texts(current)}) IS DISTINCT FROM ROW({Texts(old)}));
                END IF;
                IF items IS NOT NULL THEN
                    PERFORM {Function("take", table.Found)}(items, TG_OP);
                END IF;
                RETURN NULL;
            EXCEPTION WHEN OTHERS THEN
                RAISE WARNING 'embedding_queue takes no row of %: %', TG_RELID::pg_catalog.regclass, SQLERRM;
                RETURN NULL;
            END
            """, ByHash);
        foreach (var (purpose, action, rows) in new[]
        {
            ("embedding_queue", "INSERT", $"NEW TABLE AS {NewRows}"),
            ("embedding_requeue", "UPDATE", $"OLD TABLE AS {OldRows} NEW TABLE AS {NewRows}"),
            ("embedding_unqueue", "DELETE", $"OLD TABLE AS {OldRows}"),
        })
        {
            var level = isByRow ? "FOR EACH ROW" : $"REFERENCING {rows} FOR EACH STATEMENT";
            yield return Trigger(table, ObjectNames.Name(purpose, table.Found), $"AFTER {action}", level, "enqueue");
        }
    }

    private static string IsClaimOf(string corpus, ResolvedTable table, string item) =>
        $"c.corpus = {Sql.Literal(corpus)} AND c.kind = {Sql.Literal(table.Kind)} AND c.item_id = {item}";

    private static SchemaObject Trigger(ResolvedTable table, string name, string moment, string level, string does) => new(
        ObjectKind.Trigger, table.Schema, table.Name, name,
        $"CREATE OR REPLACE TRIGGER {Sql.Identifier(name)} {moment} ON {table.Table} {level} EXECUTE FUNCTION "
            + $"{Function(does, table.Found)}()");

    // A literal, because a column's name could hold any other quotes. Who may write an item, or a claim, is the one to call it.
    private static SchemaObject Routine(
        ResolvedTable table, string does, string arguments, string returns, string body, string settings = "")
    {
        var name = Function(does, table.Found);
        var types = string.Join(", ", arguments.Split(", ").Select(argument => argument.Split(' ')[^1]));
        return new(ObjectKind.Function, table.Schema, "", $"{name}({types})",
            $"""
            CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {returns} LANGUAGE plpgsql {AsOwner} {Sql.SafePath} {settings} AS
                {Sql.Literal(body)};
            REVOKE EXECUTE ON FUNCTION {name}({types}) FROM PUBLIC
            """);
    }

    internal static string Function(string does, CatalogueTable table) => ObjectNames.Function($"embedding_queue_{does}", table);
}
