using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Schema;

/// <summary>Which indexes for search are left for later, and why.</summary>
internal static class DeferredIndexes
{
    // With fewer rows their index costs a backfill little.
    private const int Least = 1_000;

    /// <summary>Missing indexes that would make the first backfill of their tables many times slower.</summary>
    public static async Task<IReadOnlyDictionary<ObjectKey, string>> Of(
        NpgsqlDataSource database, ResolvedCorpus corpus, IReadOnlyList<ObjectState> states, CancellationToken cancellation)
    {
        var later = new Dictionary<ObjectKey, string>();
        var absent = states.Where(state => state is { Wanted.GraphBytes: not null, Live: null });
        foreach (var missing in absent.GroupBy(state => state.Wanted.Table))
        {
            var kinds = corpus.Tables.Where(
                table => table.Holder.Name == missing.Key || table.Chunks?.Table == missing.Key).ToList();
            if (corpus.Corpus.Index.Build == IndexBuild.Now || kinds.Exists(table => table.Holder.IsPartitioned))
            {
                continue;
            }

            if (corpus.Corpus.Index.Build == IndexBuild.Manual)
            {
                foreach (var state in missing)
                {
                    later.Add(state.Wanted.Key, $"is built only by 'embeddings index {corpus.Corpus.DeclaredName}', as it is declared");
                }

                continue;
            }

            var (total, waiting) = await Count(database, corpus, kinds, cancellation);
            if (corpus.Corpus.Index.Build == IndexBuild.After ? waiting > 0 : total >= Least && waiting > total / 2)
            {
                foreach (var state in missing)
                {
                    later.Add(
                        state.Wanted.Key,
                        $"is left to the end of the first backfill, which is faster without it: {waiting:N0} of {total:N0} rows wait for "
                            + "their first vector");
                }
            }
        }

        return later;
    }

    private static async Task<(long Total, long Waiting)> Count(
        NpgsqlDataSource database, ResolvedCorpus corpus, IEnumerable<ResolvedTable> kinds, CancellationToken cancellation)
    {
        var (total, waiting) = (0L, 0L);
        foreach (var table in kinds)
        {
            var isMade = table.IsBeside
                ? await database.ScalarAsync<bool>($"SELECT pg_catalog.to_regclass({table.Target.ToString()}) IS NOT NULL", cancellation)
                : table.Own.Always.All(column => table.Found.Columns.ContainsKey(column.Column))
                    && table.Found.Columns.ContainsKey(table.VectorColumn);
            var counts = (await database.QueryAsync(
                isMade
                    ? Sql.Of(
                        $"""
                        SELECT count(*), count(*) FILTER (WHERE {table.Vector} IS NULL AND {table.Pending})
                        FROM   {table.Target} t WHERE true{table.Filter} {corpus.AndIsActive(table)}
                        """)
                    : Sql.Of($"SELECT count(*), count(*) FROM {table.Table} t WHERE true{table.DeclaredFilter}"),
                row => (row.GetInt64(0), row.GetInt64(1)), cancellation, Sql.TimeoutOfCounts)).Single();
            (total, waiting) = (total + counts.Item1, waiting + counts.Item2);
        }

        return (total, waiting);
    }
}
