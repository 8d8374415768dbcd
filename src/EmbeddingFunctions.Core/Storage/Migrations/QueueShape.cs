using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage.Migrations;

/// <summary>
/// What ties a table to <c>embedding_queue</c>, as functions and triggers of the database: a changed row is queued by its writer's own
/// transaction,
/// and a queue row's status is worked out from the claim and the item whenever one of them changes; what that missed, a run puts right.
/// </summary>
internal static class QueueShape
{
    /// <summary>Of the table; and, of all corpora with a queue, the queue itself.</summary>
    public static IEnumerable<Part> Parts(Corpus corpus, BoundTable table) =>
    [
        .. QueueTable.Parts(table.Schemas), TemplateFunction.Part(table), .. QueueTriggers.Parts(corpus.Name, table),
        .. corpus.Trigger ? WakeShape.OfQueue(corpus, table) : [],
    ];

    /// <summary>
    /// Declares the table, and asks again for what was refused before it was declared.
    /// </summary>
    public static IReadOnlyList<string> Declare(string corpus, BoundTable table) =>
    [
        Target(corpus, table),
        $"UPDATE {Queue(table)} SET status = 'pending' WHERE {IsOf(table)} AND status::text = 'failed' AND attempts = 0 AND taken_at IS "
            + "NULL",
    ];

    /// <summary>
    /// For <see cref="TablePage"/>: gives items their content. Before <see cref="Declare"/>: the template of the content that is there is
    /// the one
    /// declared then.
    /// </summary>
    public static string FillContent(BoundTable table) =>
        $"""
        filled AS (
            UPDATE {table.Table} t SET {Sql.Identifier(table.Own.Content)} = {table.Rendered}
            FROM   page
            WHERE  {table.Id} {Sql.Is} page.key
            AND   ({table.Column(table.Own.Content)} IS NULL
            OR     {table.Column(table.Own.Content)} <> {table.Rendered}
                   AND NOT EXISTS (SELECT FROM {Targets(table)} WHERE {IsOf(table)} AND template = {Sql.Literal(table.DeclaredText)})
                   AND NOT EXISTS (SELECT FROM {Queue(table)} q WHERE {IsOf(table)} AND q.record_id::text = {table.Id}::text
                                   AND q.status::text = 'pending' AND q.taken_at IS NULL{InItsOwnersName(table)}))
        )
        """;

    /// <summary>
    /// For <see cref="TablePage"/>: queues what is pending, as an older system's migration did. What is queued is locked, so that no edit
    /// comes between
    /// the reading of a text and the writing of its queue row; a writer that has the row at this moment queues it.
    /// </summary>
    public static string Fill(BoundTable table) =>
        $"""
        items AS MATERIALIZED (
            SELECT {table.Id} AS key, {Content(table)} AS content{OfOwner(table, $", t.user_id")}
            FROM   {table.Table} t JOIN page ON {table.Id} {Sql.Is} page.key
            WHERE  {table.Pending} AND {Content(table)} ~ '\S'
            AND    NOT EXISTS (
                SELECT FROM {Queue(table)} q
                WHERE  {IsOf(table)} AND q.record_id::text = {table.Id}::text AND (q.content::text = {Content(table)} OR q.status::text =
                    'pending' AND q.taken_at IS NULL))
            FOR    NO KEY UPDATE OF t SKIP LOCKED
        ),
        queued AS (
            INSERT INTO {Queue(table)} AS q (table_name, record_id, content, embedding_column{OfOwner(table, $", user_id")}, taken_at)
            SELECT {Sql.Literal(table.DeclaredName)}, key, content, {Sql.Literal(table.VectorColumn)}{OfOwner(table, $", user_id")},
                clock_timestamp()
            FROM   items
            ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content =
                EXCLUDED.content{OfOwner(table, $", user_id = EXCLUDED.user_id")}, taken_at = clock_timestamp()
            WHERE  q.content::text <> EXCLUDED.content::text AND NOT (q.status::text = 'pending' AND q.taken_at IS NULL)
        )
        """;

    /// <summary>Takes the table from those that the queue's rows may name.</summary>
    public static string Removal(string schema, string corpus) =>
        $"DELETE FROM {Sql.Identifier(schema)}.{QueueTable.Targets} WHERE corpus = {Sql.Literal(corpus)}";

    /// <summary>The condition on the queue's rows that ask for vectors of this table.</summary>
    public static SqlText IsOf(BoundTable table) =>
        $"table_name::text = {Sql.Literal(table.DeclaredName)} AND embedding_column::text = {Sql.Literal(table.VectorColumn)}";

    /// <summary>
    /// To be joined to an item <c>t</c>: <c>wish.content</c> is what was asked to be embedded of it and no run has taken yet, else null.
    /// </summary>
    public static SqlText Wish(BoundTable table) => table.Queue == QueuedText.None
        ? Sql.Of($"CROSS JOIN (SELECT NULL::text AS content) wish")
        : Sql.Of(
            $"""
            LEFT JOIN LATERAL (
                SELECT q.content FROM {Queue(table)} q
                WHERE  {IsOf(table)} AND q.record_id::text = {table.Id}::text AND q.status::text = 'pending'
                AND    q.taken_at IS NULL{InItsOwnersName(table)}
            ) wish ON true
            """);

    /// <summary>
    /// A condition to append: a wish that is not in the name of the item's own user is not granted, for its content may be another's.
    /// </summary>
    public static SqlText InItsOwnersName(BoundTable table) =>
        OfOwner(table, $" AND q.user_id::text IS NOT DISTINCT FROM t.user_id::text");

    /// <summary>The function that works out queue rows' status from their claims and items; it takes the items' ids.</summary>
    public static SqlText SettleFunction(BoundTable table) => Sql.Raw(QueueTriggers.Function("settle", table.Found));

    /// <summary>A queue row's <c>record_id</c> as the item's key, null where it cannot be one.</summary>
    public static SqlText Key(BoundTable table) => table.IdTypeName switch
    {
        "uuid" => Sql.Raw("CASE WHEN q.record_id::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN q.record_id::text::uuid END"),
        "bigint" => Number("bigint", long.MinValue, long.MaxValue),
        "integer" => Number("integer", int.MinValue, int.MaxValue),
        _ => Sql.Of($"q.record_id::text"),
    };

    /// <summary>What is queued of a row <c>t</c>.</summary>
    internal static SqlText Content(BoundTable table) =>
        table.Queue == QueuedText.Content ? table.Column(table.Own.Content) : table.Rendered;

    private static SqlText Number(string type, long least, long most) => Sql.Raw(
        $"CASE WHEN q.record_id::text ~ '^-?[0-9]{{1,19}}$' THEN CASE WHEN q.record_id::text::numeric BETWEEN {least} AND {most} THEN "
            + $"q.record_id::text::{type} END END");

    // What an earlier declaration called it is granted no more. The template is that of the content in the items: none, while it is not
    // kept.
    private static string Target(string corpus, BoundTable table)
    {
        var template = table.Queue == QueuedText.Content ? table.DeclaredText : "";
        string[] values = [table.DeclaredName, table.VectorColumn, corpus, table.Kind, table.IdTypeName, template];
        return
            $"""
            WITH earlier AS (
                DELETE FROM {Targets(table)}
                WHERE  corpus = {Sql.Literal(corpus)} AND kind = {Sql.Literal(table.Kind)} AND NOT ({IsOf(table)})
            )
            INSERT INTO {Targets(table)} (table_name, embedding_column, corpus, kind, key_type, template)
            VALUES ({string.Join(", ", values.Select(Sql.Literal))})
            ON CONFLICT (table_name, embedding_column) DO UPDATE
            SET    corpus = EXCLUDED.corpus, kind = EXCLUDED.kind, key_type = EXCLUDED.key_type, template = EXCLUDED.template
            """;
    }

    internal static SqlText Queue(BoundTable table) => table.Schemas.QueueTable(QueueTable.Name);

    private static SqlText Targets(BoundTable table) => table.Schemas.QueueTable(QueueTable.Targets);

    /// <summary>Whether its rows are users', by <c>user_id</c>.</summary>
    public static bool HasOwner(BoundTable table) => table.Found.Columns.GetValueOrDefault("user_id")?.Type == "uuid";

    /// <summary>The piece of SQL, if they are.</summary>
    public static SqlText OfOwner(BoundTable table, SqlText sql) => HasOwner(table) ? sql : Sql.Empty;
}
