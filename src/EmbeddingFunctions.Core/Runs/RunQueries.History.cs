using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Runs;

/// <summary>Runs as they stand, those that go on with what their batches have committed so far.</summary>
internal sealed partial class RunQueries
{
    private static SqlText HistoryColumns =>
        $"""
        SELECT j.id, j.corpus, j.partition, j.kinds, j.item_limit, j.force_before IS NOT NULL, j.host, j.status,
               GREATEST(j.items_total, s.processed + s.failed), COALESCE(s.processed, j.items_processed),
               COALESCE(s.failed, j.items_failed), j.error_message, j.cancel_requested_at IS NOT NULL, j.created_at, j.due_at,
               j.starts_at, j.started_at, j.completed_at
        FROM   embedding.jobs j
        LEFT   JOIN LATERAL (
            SELECT COALESCE(sum(embedded + unchanged + empty), 0)::int AS processed, COALESCE(sum(failed), 0)::int AS failed
            FROM   embedding.batches
            WHERE  run_id = j.id AND j.completed_at IS NULL
        ) s ON j.completed_at IS NULL
        """;

    /// <summary>A run with what its batches have committed so far, as <see cref="FindHistory"/> has it.</summary>
    public static SqlText FindInHistory(Guid run) => $"{HistoryColumns}\nWHERE j.id = {run}";

    /// <summary>The newest runs, of a corpus and a status or of all.</summary>
    /// <param name="hasWork">Whether scheduled runs that found nothing to do are left out.</param>
    /// <param name="before">Only runs older than this one.</param>
    public static SqlText FindHistory(string? corpus, string? status, int limit, bool hasWork, Guid? before) =>
        $"""
        {HistoryColumns}
        WHERE  ({corpus}::text IS NULL OR j.corpus = {corpus})
        AND    ({status}::text IS NULL OR j.status = {status})
        AND    NOT ({hasWork} AND j.status = 'completed' AND j.due_at IS NOT NULL AND j.items_total = 0 AND j.items_processed = 0)
        AND    ({before}::uuid IS NULL OR (j.created_at, j.id) < (SELECT created_at, id FROM embedding.jobs WHERE id = {before}))
        ORDER  BY j.created_at DESC, j.id DESC
        LIMIT  {limit}
        """;

    /// <summary>Open runs with what their batches have committed so far, as <see cref="FindHistory"/> has them.</summary>
    public static SqlText FindOpenHistory(int limit) =>
        $"""
        {HistoryColumns}
        WHERE  j.status IN ('pending', 'processing')
        ORDER  BY j.created_at, j.id
        LIMIT  {limit}
        """;
}
