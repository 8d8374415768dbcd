using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Costs;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Runs;

/// <summary>Ends orphaned runs, and deletes those that ended long ago, old entries of the ledger, and old lags.</summary>
internal sealed class RunJanitor(NpgsqlDataSource database, RunTransitions transitions, CostReport costs, LagStore lags)
{
    // Millions of rows are deleted some thousands at a time, so that no statement takes long.
    private const int Portion = 2_000;
    private const int MostPortions = 20;

    /// <summary>How long a run is remembered after its end.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(90);

    // As runs': leases and waits of a clock that was wrong or was set back.
    private static SqlText ShortenClaims(string corpus)
    {
        var leased = Sql.Of($"now() + {ClaimStore.LeaseTime}");
        var retried = Sql.Of($"now() + CASE WHEN reason IS NULL THEN {ClaimStore.LaneTime} ELSE {FailureStore.LongestWait} END");
        return
            $"""
            UPDATE embedding.claims
            SET    leased_until = CASE WHEN leased_until > {leased} THEN {leased} ELSE leased_until END,
                   retry_at = CASE WHEN retry_at > {retried} THEN {retried} ELSE retry_at END
            WHERE  corpus = {corpus}
            AND    (leased_until > {leased} + {RunQueries.Tolerance} OR retry_at > {retried} + {RunQueries.Tolerance})
            """;
    }

    public async Task Tidy(string corpus, CancellationToken cancellation)
    {
        await Execute(ShortenClaims(corpus), cancellation);
        await transitions.EndAbandoned(corpus, cancellation);
        for (var i = 0; i < MostPortions && await transitions.Delete(corpus, Kept, Portion, cancellation) == Portion; i++)
        {
        }

        await lags.Forget(cancellation);
        for (var i = 0; i < MostPortions && await costs.Forget(Portion, cancellation) == Portion; i++)
        {
        }
    }

    /// <summary>
    /// Forgets what is past its time or of items that are gone: failures and dead workers' claims of deleted rows, and expired copies of
    /// vectors.
    /// </summary>
    public async Task Tidy(ResolvedCorpus corpus, CancellationToken cancellation)
    {
        foreach (var table in corpus.Tables)
        {
            await Execute(DropClaimsOfGone(corpus.Corpus.Name, table), cancellation);
        }

        foreach (var table in corpus.Tables.Where(table => table.Queue != QueuedText.None))
        {
            await DropOldRequests(table, cancellation);
        }

        if (corpus.Corpus.SimilarityCache)
        {
            await Execute($"SELECT {corpus.Schemas.InApplication("cleanup_expired_cache()")}", cancellation);
            foreach (var table in corpus.Tables)
            {
                await Execute(DropCopiesOfGone(corpus, table), cancellation);
            }
        }
    }

    private static SqlText DropClaimsOfGone(string corpus, ResolvedTable table) =>
        $"""
        DELETE FROM embedding.claims c
        WHERE  c.corpus = {corpus} AND c.kind = {table.Kind} AND (c.leased_until IS NULL OR c.leased_until < now())
        AND    NOT EXISTS (SELECT FROM {table.Target} t WHERE {table.Id} {Sql.Is} c.item_id::{table.IdType})
        """;

    // Texts of rows that are gone; what was done, or refused, is kept as long as runs are.
    private static SqlText IsOldRequest(ResolvedTable table) =>
        $"""
        {QueueSql.IsOf(table)} AND NOT (q.status::text = 'pending' AND q.taken_at IS NULL)
        AND (q.processed_at < now() - {Kept} OR q.processed_at < now() - interval '1 day'
             AND NOT EXISTS (SELECT FROM {table.Target} t WHERE {table.Id} {Sql.Is} {QueueSql.Key(table)}))
        """;

    // A request that a table of the owner's refers to stays, and keeps no other.
    private async Task DropOldRequests(ResolvedTable table, CancellationToken cancellation)
    {
        var queue = QueueSql.Queue(table);
        for (var i = 0; i < MostPortions; i++)
        {
            var old = await database.QueryAsync(
                $"SELECT q.ctid::text FROM {queue} q WHERE {IsOldRequest(table)} LIMIT {Portion}", row => row.GetString(0), cancellation,
                Sql.TimeoutOfCounts);
            var (dropped, _) = await BisectingWrite.Write(old, places => Execute(
                $"DELETE FROM {queue} q WHERE {IsOldRequest(table)} AND q.ctid = ANY ({places.ToArray()}::text[]::tid[])", cancellation));
            if (dropped == 0 || old.Count < Portion)
            {
                return;
            }
        }
    }

    // Of items that are gone, moved to another partition, or whose partition may embed no more.
    private static SqlText DropCopiesOfGone(ResolvedCorpus corpus, ResolvedTable table) =>
        $"""
        DELETE FROM {corpus.Schemas.InApplication(DatabaseSchemas.SimilarityCache)} s
        WHERE  s.item_type = {table.Kind}
        AND    NOT EXISTS (
            SELECT FROM {table.Target} t
            WHERE  {table.Id}::text = s.item_id AND {table.Partition}::text = s.repository_id::text
            {corpus.AndIsActive(table)})
        """;

    private Task<int> Execute(SqlText statement, CancellationToken cancellation) =>
        database.ExecuteAsync(statement, cancellation, Sql.TimeoutOfCounts);
}
