using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Schema;

/// <summary>
/// What ties a table to <c>embedding_queue</c>, as functions and triggers of the database: a changed row is queued by its writer's own
/// transaction, and a queue row's status is worked out from the claim and the item whenever one of them changes; what that missed, a run
/// puts right.
/// </summary>
internal static class QueueDdl
{
    /// <summary>Of the table; and, of all corpora with a queue, the queue itself.</summary>
    public static IEnumerable<SchemaObject> Objects(Corpus corpus, ResolvedTable table) =>
    [
        .. QueueTable.Objects(table.Schemas), TemplateFunction.Function(table), .. QueueTriggers.Objects(corpus.Name, table),
        .. corpus.Trigger ? NotifyTriggerDdl.OfQueue(corpus, table) : [],
    ];

    /// <summary>
    /// Declares the table, and asks again for what was refused before it was declared.
    /// </summary>
    public static IReadOnlyList<string> Declare(string corpus, ResolvedTable table) =>
    [
        Target(corpus, table),
        $"UPDATE {QueueSql.Queue(table)} SET status = 'pending' WHERE {QueueSql.IsOf(table)} AND status::text = 'failed' AND attempts = 0 "
            + "AND taken_at IS "
            + "NULL",
    ];

    /// <summary>
    /// For <see cref="TablePage"/>: gives items their content. Before <see cref="Declare"/>: the template of the content that is there is
    /// the one declared then.
    /// </summary>
    public static string FillContent(ResolvedTable table) =>
        $"""
        filled AS (
            UPDATE {table.Table} t SET {Sql.Identifier(table.Own.Content)} = {table.Rendered}
            FROM   page
            WHERE  {table.Id} {Sql.Is} page.key
            AND   ({table.Column(table.Own.Content)} IS NULL
            OR     {table.Column(table.Own.Content)} <> {table.Rendered}
                   AND NOT EXISTS (SELECT FROM {QueueTable.Targets} WHERE {QueueSql.IsOf(table)} AND template =
                       {Sql.Literal(table.DeclaredText)})
                   AND NOT EXISTS (SELECT FROM {QueueSql.Queue(table)} q WHERE {QueueSql.IsOf(table)} AND q.record_id::text =
                       {table.Id}::text
                                   AND q.status::text = 'pending' AND q.taken_at IS NULL{QueueSql.InItsOwnersName(table)}))
        )
        """;

    /// <summary>
    /// For <see cref="TablePage"/>: queues what is pending, as an older system's migration did. What is queued is locked, so that no edit
    /// comes between the reading of a text and the writing of its queue row; a writer that has the row at this moment queues it.
    /// </summary>
    public static string Fill(ResolvedTable table) =>
        $"""
        items AS MATERIALIZED (
            SELECT {table.Id} AS key, {QueueSql.Content(table)} AS content{QueueSql.OfOwner(table, $", t.user_id")}
            FROM   {table.Table} t JOIN page ON {table.Id} {Sql.Is} page.key
            WHERE  {table.Pending} AND {QueueSql.Content(table)} ~ '\S'
            AND    NOT EXISTS (
                SELECT FROM {QueueSql.Queue(table)} q
                WHERE  {QueueSql.IsOf(table)} AND q.record_id::text = {table.Id}::text AND (q.content::text = {QueueSql.Content(table)} OR
                    q.status::text =
                    'pending' AND q.taken_at IS NULL))
            FOR    NO KEY UPDATE OF t SKIP LOCKED
        ),
        queued AS (
            INSERT INTO {QueueSql.Queue(table)} AS q (table_name, record_id, content,
                embedding_column{QueueSql.OfOwner(table, $", user_id")}, taken_at)
            SELECT {Sql.Literal(table.DeclaredName)}, key, content,
                {Sql.Literal(table.VectorColumn)}{QueueSql.OfOwner(table, $", user_id")},
                clock_timestamp()
            FROM   items
            ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content =
                EXCLUDED.content{QueueSql.OfOwner(table, $", user_id = EXCLUDED.user_id")}, taken_at = clock_timestamp()
            WHERE  q.content::text <> EXCLUDED.content::text AND NOT (q.status::text = 'pending' AND q.taken_at IS NULL)
        )
        """;

    /// <summary>Takes the table from those that the queue's rows may name.</summary>
    public static string Removal(string corpus) =>
        $"DELETE FROM {QueueTable.Targets} WHERE corpus = {Sql.Literal(corpus)}";

    // What an earlier declaration called it is granted no more. The template is that of the content in the items: none, while it is not
    // kept.
    private static string Target(string corpus, ResolvedTable table)
    {
        var template = table.Queue == QueuedText.Content ? table.DeclaredText : "";
        string[] values = [table.DeclaredName, table.VectorColumn, corpus, table.Kind, table.IdTypeName, template];
        return
            $"""
            WITH earlier AS (
                DELETE FROM {QueueTable.Targets}
                WHERE  corpus = {Sql.Literal(corpus)} AND kind = {Sql.Literal(table.Kind)} AND NOT ({QueueSql.IsOf(table)})
            )
            INSERT INTO {QueueTable.Targets} (table_name, embedding_column, corpus, kind, key_type, template)
            VALUES ({string.Join(", ", values.Select(Sql.Literal))})
            ON CONFLICT (table_name, embedding_column) DO UPDATE
            SET    corpus = EXCLUDED.corpus, kind = EXCLUDED.kind, key_type = EXCLUDED.key_type, template = EXCLUDED.template
            """;
    }
}
