using Npgsql;

namespace EmbeddingFunctions.Storage;

/// <summary>How well the index of a kind finds what an exact search finds; times are milliseconds.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Neighbours">How many nearest items were looked for.</param>
/// <param name="Queries">How many searches were made, each of a stored vector.</param>
/// <param name="EfSearch">With this <c>hnsw.ef_search</c>, which a search of ten results has.</param>
/// <param name="Recall">The share of the exact neighbours that the index finds, 0 to 1.</param>
/// <param name="IndexP50">Of a search by the index.</param>
/// <param name="IndexP95">Of a search by the index.</param>
/// <param name="ExactP50">Of an exact search.</param>
/// <param name="ExactP95">Of an exact search.</param>
/// <param name="EfFor95">The least <c>hnsw.ef_search</c> of those tried that reaches a recall of 0.95; null: none does.</param>
/// <param name="EfFor99">The same for 0.99.</param>
public sealed record MeasuredRecall(
    string Kind, int Neighbours, int Queries, int EfSearch, double Recall, double IndexP50, double IndexP95, double ExactP50,
    double ExactP95, int? EfFor95, int? EfFor99)
{
    /// <summary>When that was.</summary>
    public DateTimeOffset MeasuredAt { get; init; }
}

/// <summary>Keeps what was measured last.</summary>
internal sealed class RecallRecords(NpgsqlDataSource database)
{
    public Task Keep(string corpus, MeasuredRecall measured, CancellationToken cancellation) => database.ExecuteAsync(
        $"""
        INSERT INTO embedding.recalls (
            corpus, kind, neighbours, queries, ef_search, recall, index_p50, index_p95, exact_p50, exact_p95, ef_for_95, ef_for_99)
        VALUES ({corpus}, {measured.Kind}, {measured.Neighbours}, {measured.Queries}, {measured.EfSearch}, {measured.Recall},
                {measured.IndexP50}, {measured.IndexP95}, {measured.ExactP50}, {measured.ExactP95}, {measured.EfFor95}::int,
                {measured.EfFor99}::int)
        ON CONFLICT (corpus, kind) DO UPDATE
        SET    neighbours = EXCLUDED.neighbours, queries = EXCLUDED.queries, ef_search = EXCLUDED.ef_search, recall = EXCLUDED.recall,
               index_p50 = EXCLUDED.index_p50, index_p95 = EXCLUDED.index_p95, exact_p50 = EXCLUDED.exact_p50,
               exact_p95 = EXCLUDED.exact_p95, ef_for_95 = EXCLUDED.ef_for_95, ef_for_99 = EXCLUDED.ef_for_99, measured_at = now()
        """,
        cancellation);

    public async Task Forget(string corpus, CancellationToken cancellation)
    {
        if (await database.ScalarAsync<bool>($"SELECT pg_catalog.to_regclass('embedding.recalls') IS NOT NULL", cancellation))
        {
            await database.ExecuteAsync($"DELETE FROM embedding.recalls WHERE corpus = {corpus}", cancellation);
        }
    }

    public async Task<IReadOnlyList<MeasuredRecall>> Of(string corpus, CancellationToken cancellation)
    {
        try
        {
            return await database.QueryAsync(
                $"""
                SELECT kind, neighbours, queries, ef_search, recall, index_p50, index_p95, exact_p50, exact_p95, ef_for_95, ef_for_99,
                       measured_at
                FROM   embedding.recalls WHERE corpus = {corpus} ORDER BY kind
                """,
                row => new MeasuredRecall(
                    row.GetString(0), row.GetInt32(1), row.GetInt32(2), row.GetInt32(3), row.GetDouble(4), row.GetDouble(5),
                    row.GetDouble(6), row.GetDouble(7), row.GetDouble(8), row.IsDBNull(9) ? null : row.GetInt32(9),
                    row.IsDBNull(10) ? null : row.GetInt32(10))
                {
                    MeasuredAt = row.GetFieldValue<DateTimeOffset>(11),
                },
                cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName
            or PostgresErrorCodes.InsufficientPrivilege)
        {
            // Of before this table, or not for this role.
            return [];
        }
    }
}
