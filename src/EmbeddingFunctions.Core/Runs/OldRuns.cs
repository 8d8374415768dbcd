using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Storage.Migrations;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Ends runs that nobody carries any more, and forgets those that ended long ago.</summary>
internal sealed class OldRuns(NpgsqlDataSource database, StoredMoments moments)
{
    /// <summary>A run whose process has not been heard of for so long is over, or free to be taken up.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    // What hosts take up from each other is over if none did; their timers may come once a day.
    private static readonly TimeSpan _abandoned = TimeSpan.FromDays(7);

    /// <summary>How long a run is remembered after its end.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(90);

    private const string EndSilentRuns =
        """
        UPDATE embedding_jobs
        SET    status = CASE WHEN cancel_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END,
               error_message = 'The process that ran it ended.', completed_at = now(), updated_at = now()
        WHERE  corpus = $1 AND status IN ('pending', 'processing') AND heartbeat_at < now() - CASE host WHEN 'command' THEN $2 ELSE $3 END
        """;

    // Millions of them are forgotten some thousands at a time, so that no statement takes long.
    private const int Portion = 2_000;
    private const int MostPortions = 20;

    private const string DropOldRuns =
        """
        DELETE FROM embedding_jobs
        WHERE  id IN (
            SELECT id FROM embedding_jobs j
            WHERE  corpus = $1 AND completed_at < now() - $2
            AND    (due_at IS NULL OR EXISTS (SELECT FROM embedding_jobs later WHERE later.corpus = $1 AND later.due_at > j.due_at))
            LIMIT  $3
            FOR    UPDATE SKIP LOCKED)
        """;

    public async Task Tidy(string corpus, CancellationToken cancellation)
    {
        await moments.MendOf(corpus, cancellation);
        await Execute(EndSilentRuns, cancellation, corpus, Silence, _abandoned);
        for (var i = 0; i < MostPortions && await Execute(DropOldRuns, cancellation, corpus, Kept, Portion) == Portion; i++)
        {
        }
    }

    /// <summary>
    /// Forgets what is past its time or of items that are gone: failures and dead workers' claims of deleted rows, and expired copies of
    /// vectors.
    /// </summary>
    public async Task Tidy(BoundCorpus corpus, CancellationToken cancellation)
    {
        foreach (var table in corpus.Tables)
        {
            await Execute(DropClaimsOfGone(table), cancellation, corpus.Corpus.Name, table.Kind);
        }

        foreach (var table in corpus.Tables.Where(table => table.Queue != QueuedText.None))
        {
            await DropOldRequests(table, cancellation);
        }

        if (corpus.Corpus.SimilarityCache)
        {
            await Execute($"SELECT {corpus.Schemas.EngineTable("cleanup_expired_cache()")}", cancellation);
            foreach (var table in corpus.Tables)
            {
                await Execute(DropCopiesOfGone(corpus, table), cancellation, table.Kind);
            }
        }
    }

    private static string DropClaimsOfGone(BoundTable table) =>
        $"""
        DELETE FROM embedding_claims c
        WHERE  c.corpus = $1 AND c.kind = $2 AND (c.leased_until IS NULL OR c.leased_until < now())
        AND    NOT EXISTS (SELECT FROM {table.Table} t WHERE {table.Id} {Sql.Is} c.item_id::{table.IdType})
        """;

    // Texts of rows that are gone; what was done, or refused, is kept as long as runs are.
    private static string IsOldRequest(BoundTable table) =>
        $"""
        {QueueShape.IsOf(table)} AND NOT (q.status::text = 'pending' AND q.taken_at IS NULL)
        AND (q.processed_at < now() - $1 OR q.processed_at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM {table.Table} t WHERE
            {table.Id} {Sql.Is} {QueueShape.Key(table)}))
        """;

    // A request that a table of the owner's refers to stays, and keeps no other.
    private async Task DropOldRequests(BoundTable table, CancellationToken cancellation)
    {
        var queue = table.Schemas.QueueTable(QueueTable.Name);
        for (var i = 0; i < MostPortions; i++)
        {
            await using var command = Command(
                $"SELECT array_agg(place) FROM (SELECT q.ctid::text AS place FROM {queue} q WHERE {IsOldRequest(table)} LIMIT {Portion}) "
                    + "old",
                Kept);
            var old = await command.ExecuteScalarAsync(cancellation) as string[] ?? [];
            var (dropped, _) = await RowByRow.Write(
                old,
                places =>
                    Execute(
                        $"DELETE FROM {queue} q WHERE {IsOldRequest(table)} AND q.ctid = ANY ($2::text[]::tid[])", cancellation, Kept,
                        places.ToArray()));
            if (dropped == 0 || old.Length < Portion)
            {
                return;
            }
        }
    }

    // Of items that are gone, moved to another partition, or whose partition may embed no more.
    private static string DropCopiesOfGone(BoundCorpus corpus, BoundTable table) =>
        $"""
        DELETE FROM {corpus.Schemas.EngineTable(SimilarityCacheShape.Name)} s
        WHERE  s.item_type = $1
        AND    NOT EXISTS (
            SELECT FROM {table.Table} t
            WHERE  {table.Id}::text = s.item_id AND {table.Partition}::text = s.repository_id::text
            {(corpus.ActivePartitions is null ? "" : $"AND {table.Partition} {table.IsPartition} ANY ({corpus.ActivePartitions})")})
        """;

    private async Task<int> Execute(string sql, CancellationToken cancellation, params object[] values)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteNonQueryAsync(cancellation);
    }

    private NpgsqlCommand Command(string sql, params object[] values)
    {
        var command = database.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }

        command.CommandTimeout = Sql.PatienceOfCounts;
        return command;
    }
}
