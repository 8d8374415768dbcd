using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Batches;

/// <summary>Remembers why items failed: in statements of its own, so that a refused write cannot take the reason with it.</summary>
internal sealed class FailureStore(NpgsqlDataSource database, Redaction redaction)
{
    private static readonly TimeSpan _firstWait = TimeSpan.FromMinutes(1);

    /// <summary>
    /// No item waits longer for its next attempt: a dead one whose row refuses to be marked is still pending, and to look at its text again
    /// costs nothing.
    /// </summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    /// <summary>Ends the claims of failed items with their reasons; after three attempts an item is dead until its text changes.</summary>
    /// <returns>The batch's counts as committed.</returns>
    public async Task<BatchCounts> Record(
        Claim claim, Guid batchId, IReadOnlyList<ItemFailure> failures, BatchCounts counts, CancellationToken cancellation)
    {
        try
        {
            return await Record(claim, batchId, failures, counts, marked: true, _firstWait, cancellation);
        }
        catch (PostgresException e) when (failures.Count == 1 && (WriteFaults.IsOfARow(e) || WriteFaults.IsLocked(e)))
        {
            // The row refuses to be written, which may be why it failed, or is being edited: it stays pending, and its claim keeps it
            // waiting.
            return await Record(
                claim, batchId, failures, counts, marked: false, WriteFaults.IsLocked(e) ? _firstWait : LongestWait, cancellation);
        }
        catch (PostgresException e) when (WriteFaults.IsOfARow(e) || WriteFaults.IsLocked(e))
        {
            var recorded = counts;
            foreach (var failure in failures)
            {
                recorded = await Record(claim, batchId, [failure], counts, cancellation);
            }

            return recorded;
        }
    }

    private async Task<BatchCounts> Record(
        Claim claim, Guid batchId, IReadOnlyList<ItemFailure> failures, BatchCounts counts, bool marked, TimeSpan deadWait,
        CancellationToken cancellation)
    {
        var reasons = failures.Select(f => f.Reason is null ? null : redaction.Clean(TextRedaction.Hide(f.Reason, f.Item.Values)))
            .ToArray();
        return (await database.QueryAsync(
            Statement(claim, batchId, failures, reasons, counts, marked, deadWait), BatchRow.Read, cancellation)).Single();
    }

    // The wait grows fourfold; a text that is another than failed before begins again, and so does one that was edited during the call.
    internal static SqlText Statement(
        Claim claim, Guid batchId, IReadOnlyList<ItemFailure> failures, string?[] reasons, BatchCounts counts, bool marked,
        TimeSpan deadWait)
    {
        var (corpus, table) = (claim.Corpus, claim.Table);
        return
            $"""
            WITH input AS (
                SELECT *
                FROM   unnest(
                           {failures.Select(f => f.Item.Id).ToArray()}::text[], {failures.Select(f => f.Item.Version).ToArray()}::bytea[],
                           {failures.Select(f => f.Hash).ToArray()}::text[], {reasons}::text[],
                           {failures.Select(f => f.IsDead).ToArray()}::boolean[])
                       AS i (item_id, version, hash, reason, dead)
                WHERE  {VectorStore.MarkItemWrite}
            ),
            judged AS (
                SELECT i.item_id, i.version, i.hash, i.reason, a.attempts, i.dead OR a.attempts >= {ClaimStore.MaxAttempts} AS is_dead
                FROM   input i
                JOIN   embedding.claims c ON c.token = {claim.Token} AND c.item_id = i.item_id
                JOIN   {table.Target} t ON {table.Id} {Sql.Is} i.item_id::{table.IdType}
                       AND {table.Partition} {table.IsPartition} {claim.Partition}::{table.PartitionType} AND {table.Version} = i.version
                CROSS  JOIN LATERAL (
                    SELECT CASE WHEN c.content_hash <> i.hash THEN 1 ELSE LEAST(c.attempts, {ClaimStore.MaxAttempts}) END AS attempts) a
            ),
            marked AS (
                {(marked ? Mark(table) : Sql.Of($"SELECT item_id FROM judged WHERE false"))}
            ),
            {(marked && claim.IsForced ? MakePending(table) : Sql.Empty)}
            {(corpus.Corpus.SimilarityCache ? Uncached(claim) : Sql.Empty)}
            {ChunkWrite.Forget(table, $"marked")}
            failed AS (
                UPDATE embedding.claims c
                SET    token = NULL, leased_until = NULL, content_hash = j.hash, attempts = j.attempts, is_dead = j.is_dead,
                       reason = COALESCE(j.reason, c.reason), failed_at = CASE WHEN j.reason IS NULL THEN c.failed_at ELSE now() END,
                       retry_at = CASE WHEN m.item_id IS NOT NULL THEN NULL
                                       WHEN j.is_dead THEN now() + {deadWait}
                                       ELSE now() + {_firstWait} * power(4, j.attempts - 1) END
                FROM   judged j
                LEFT   JOIN marked m USING (item_id)
                WHERE  c.token = {claim.Token} AND c.item_id = j.item_id
                RETURNING c.item_id
            ),
            edited AS (
                DELETE FROM embedding.claims c
                USING  input i
                WHERE  c.token = {claim.Token} AND c.item_id = i.item_id
                AND    i.item_id NOT IN (SELECT item_id FROM judged)
                RETURNING c.item_id
            )
            INSERT INTO embedding.batches AS b
                   (id, run_id, kind, partition, claimed, failed, changed, cached, requests, tokens, saved_tokens)
            SELECT {batchId}, {claim.RunId}, {table.Kind}, {claim.Partition}, {counts.Claimed}, (SELECT count(*) FROM failed),
                   (SELECT count(*) FROM edited), {counts.Cached}, {counts.Requests}, {counts.Tokens}, {counts.SavedTokens}
            {BatchRow.Add}
            """;
    }

    // Takes dead items out of the pending ones: an old vector is not of their text, so it goes. An edit makes them pending again.
    private static SqlText Mark(ResolvedTable table) =>
        $"""
        UPDATE {table.Target} t
        SET    {table.Unembedded(Sql.Literal(ItemState.Failed), $"j.hash")}
        FROM   judged j
        WHERE  j.is_dead AND {table.Id} {Sql.Is} j.item_id::{table.IdType} AND {table.Version} = j.version
        RETURNING j.item_id
        """;

    // Of an item whose old vector is true nothing else says that another is wanted.
    private static SqlText MakePending(ResolvedTable table) =>
        $"""
        made_pending AS (
            UPDATE {table.Target} t
            SET    {table.Undecided}
            FROM   judged j
            WHERE  NOT j.is_dead AND {table.Id} {Sql.Is} j.item_id::{table.IdType} AND {table.Version} = j.version
        ),
        """;

    private static SqlText Uncached(Claim claim) =>
        $"""
        uncached AS (
            DELETE FROM similarity_cache s
            USING  marked m
            WHERE  s.repository_id = {claim.Partition}::{claim.Table.PartitionType} AND s.item_type = {claim.Table.Kind}
            AND    s.item_id = m.item_id
        ),
        """;
}
