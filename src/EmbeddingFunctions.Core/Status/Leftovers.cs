using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>What is kept of rows that are gone or have changed. One condition finds it and deletes it.</summary>
internal sealed class Leftovers(NpgsqlDataSource database)
{
    // A worker that lives extends its claims every few seconds.
    private static readonly TimeSpan _dead = TimeSpan.FromHours(1);

    /// <param name="corpus">The corpus.</param>
    /// <param name="table">One of its tables.</param>
    /// <param name="isRepaired">Whether to delete what is found.</param>
    /// <param name="cancellation">Ends the look.</param>
    public async Task<IReadOnlyList<AuditFinding>> Of(
        ResolvedCorpus corpus, ResolvedTable table, bool isRepaired, CancellationToken cancellation)
    {
        var findings = new List<AuditFinding>();
        foreach (var (problem, rows) in Conditions(corpus, table))
        {
            var found = isRepaired
                ? await database.ExecuteAsync($"DELETE FROM {rows}", cancellation, Sql.TimeoutOfCounts)
                : await database.ScalarAsync<long>($"SELECT count(*) FROM {rows}", cancellation, Sql.TimeoutOfCounts);
            findings.Add(new AuditFinding(table.Kind, problem, found));
        }

        return findings;
    }

    private static IEnumerable<(string Problem, SqlText Rows)> Conditions(ResolvedCorpus corpus, ResolvedTable table)
    {
        yield return ("deadClaim",
            $"""
            embedding.claims x
            WHERE  x.corpus = {corpus.Corpus.Name} AND x.kind = {table.Kind}
            AND    (x.leased_until < now() - {_dead}
                    OR (x.leased_until IS NULL OR x.leased_until < now())
                    AND NOT EXISTS (SELECT FROM {table.Target} t WHERE {table.Id} {Sql.Is} x.item_id::{table.IdType}))
            """);
        if (table.ChunkTable is { } chunks)
        {
            yield return ("orphanedChunk",
                $"""
                {chunks} x
                WHERE  NOT EXISTS (SELECT FROM {table.Target} t WHERE {table.Id} {Sql.Is} x."document_id" AND {table.Vector} IS NOT NULL)
                """);
        }

        if (corpus.Corpus.SimilarityCache)
        {
            yield return ("staleCopy",
                $"""
                {corpus.Schemas.InApplication(DatabaseSchemas.SimilarityCache)} x
                WHERE  x.item_type = {table.Kind}
                AND    NOT EXISTS (
                    SELECT FROM {table.Target} t
                    WHERE  {table.Id}::text = x.item_id AND {table.Partition}::text = x.repository_id::text
                    AND    {table.Vector} IS NOT NULL AND {table.Hash} = x.content_hash {corpus.AndIsActive(table)})
                """);
        }
    }
}
