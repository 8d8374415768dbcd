using EmbeddingFunctions.Corpora;
using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>Vectors of another model in the columns that a run would write: searches would compare them with the new ones.</summary>
internal sealed class OtherModels(NpgsqlDataSource database)
{
    private const int CountedUpTo = 100_000;

    /// <param name="corpus">The declaration, resolved.</param>
    /// <param name="kinds">Only the columns of these kinds; none: of all.</param>
    /// <param name="cancellation">Cancels the query.</param>
    /// <exception cref="DatabaseNotReadyException">There are some.</exception>
    public async Task EnsureNone(ResolvedCorpus corpus, IReadOnlyList<string> kinds, CancellationToken cancellation)
    {
        if (await Findings(corpus, kinds, cancellation) is { Count: > 0 } findings)
        {
            throw new DatabaseNotReadyException(string.Join('\n', findings));
        }
    }

    /// <summary>
    /// A sentence for each column with vectors of another model: how many, and what to do. Rows that no run would take do not count.
    /// </summary>
    public async Task<IReadOnlyList<string>> Findings(ResolvedCorpus corpus, IReadOnlyList<string> kinds, CancellationToken cancellation)
    {
        var findings = new List<string>();
        // Kinds of one table mostly share a column, and its index.
        var columns = corpus.Tables.GroupBy(table => (table.Target, table.VectorColumn));
        foreach (var column in columns.Where(column => kinds.Count == 0 || column.Any(table => kinds.Contains(table.Kind))))
        {
            var found = new List<(string Model, long Vectors)>();
            foreach (var table in column)
            {
                found.AddRange(await Find(corpus, table, cancellation));
            }

            if (found.Count > 0)
            {
                var models = found.GroupBy(some => some.Model).Select(some => $"{Count(some.Sum(each => each.Vectors))} of '{some.Key}'");
                findings.Add(
                    $"{column.First().Holder.Name}.{column.Key.VectorColumn} has vectors of another model, {string.Join(", ", models)}, "
                        + "and the "
                        + $"model is now '{corpus.Model}': "
                    + "searches would compare the two. Declare the earlier model again, or another column (\"vector\": \"…\"), and "
                        + "migrate; or replace them in place with "
                    + $"'embeddings backfill {corpus.Corpus.Name} --yes-mix', which has two models in the column until it is done");
            }
        }

        return findings;
    }

    private static string Count(long vectors) => vectors < CountedUpTo ? $"{vectors:N0}" : $"at least {CountedUpTo:N0}";

    private Task<List<(string Model, long Vectors)>> Find(ResolvedCorpus corpus, ResolvedTable table, CancellationToken cancellation)
    {
        var vectors = Sql.Of(
            $"""
            SELECT {table.Model} AS model FROM {table.Target} t WHERE {table.IsToBeReplaced} {corpus.AndIsActive(table)} LIMIT {CountedUpTo}
            """);
        return database.QueryAsync(
            $"SELECT model, count(*) FROM ({vectors}) vectors GROUP BY model ORDER BY count(*) DESC",
            row => (row.GetString(0), row.GetInt64(1)), cancellation, Sql.TimeoutOfCounts);
    }
}
