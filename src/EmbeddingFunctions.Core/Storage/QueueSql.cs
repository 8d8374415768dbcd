using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>Pieces of statements that speak of a table's rows in <c>embedding_queue</c>, which go by the alias <c>q</c>.</summary>
internal static class QueueSql
{
    /// <summary>The queue as SQL writes it.</summary>
    public static SqlText Queue(ResolvedTable table) => table.Schemas.QueueTable("embedding_queue");

    /// <summary>Whether its rows are users', by <c>user_id</c>.</summary>
    public static bool HasOwner(ResolvedTable table) => table.Found.Columns.GetValueOrDefault("user_id")?.Type == "uuid";

    /// <summary>The piece of SQL, if they are.</summary>
    public static SqlText OfOwner(ResolvedTable table, SqlText sql) => HasOwner(table) ? sql : Sql.Empty;

    /// <summary>The condition on the queue's rows that ask for vectors of this table.</summary>
    public static SqlText IsOf(ResolvedTable table) =>
        $"table_name::text = {Sql.Literal(table.DeclaredName)} AND embedding_column::text = {Sql.Literal(table.VectorColumn)}";

    /// <summary>
    /// To be joined to an item <c>t</c>: <c>request.content</c> is the text that was requested and that no run has taken yet, else null.
    /// </summary>
    public static SqlText Request(ResolvedTable table) => table.Queue == QueuedText.None
        ? Sql.Of($"CROSS JOIN (SELECT NULL::text AS content) request")
        : Sql.Of(
            $"""
            LEFT JOIN LATERAL (
                SELECT q.content FROM {Queue(table)} q
                WHERE  {IsOf(table)} AND q.record_id::text = {table.Id}::text AND q.status::text = 'pending'
                AND    q.taken_at IS NULL{InItsOwnersName(table)}
            ) request ON true
            """);

    /// <summary>
    /// A condition to append: a request that is not in the name of the item's own user is refused, for its content may be another's.
    /// </summary>
    public static SqlText InItsOwnersName(ResolvedTable table) =>
        OfOwner(table, $" AND q.user_id::text IS NOT DISTINCT FROM t.user_id::text");

    /// <summary>The function that works out queue rows' status from their claims and items; it takes the items' ids.</summary>
    public static SqlText SettleFunction(ResolvedTable table) => Sql.Raw(ObjectNames.SettleFunction(table.Found));

    /// <summary>A queue row's <c>record_id</c> as the item's key, null where it cannot be one.</summary>
    public static SqlText Key(ResolvedTable table) => table.IdTypeName switch
    {
        "uuid" => Sql.Raw("CASE WHEN q.record_id::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN q.record_id::text::uuid END"),
        "bigint" => Number("bigint", long.MinValue, long.MaxValue),
        "integer" => Number("integer", int.MinValue, int.MaxValue),
        _ => Sql.Of($"q.record_id::text"),
    };

    /// <summary>What is queued of a row <c>t</c>.</summary>
    public static SqlText Content(ResolvedTable table) =>
        table.Queue == QueuedText.Content ? table.Column(table.Own.Content) : table.Rendered;

    private static SqlText Number(string type, long least, long most) => Sql.Raw(
        $"CASE WHEN q.record_id::text ~ '^-?[0-9]{{1,19}}$' THEN CASE WHEN q.record_id::text::numeric BETWEEN {least} AND {most} THEN "
            + $"q.record_id::text::{type} END END");
}
