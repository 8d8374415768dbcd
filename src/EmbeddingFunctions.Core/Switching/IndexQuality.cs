using System.Diagnostics;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Switching;

/// <summary>How well an index finds what an exact search finds.</summary>
/// <param name="Recall">The share of the exact neighbours that the index finds, 0 to 1.</param>
/// <param name="P95">Milliseconds that 95 % of searches by the index take at most.</param>
internal sealed record IndexQuality(double Recall, double P95);

/// <param name="Farthest">How far the exact neighbours of each item of a sample are at most.</param>
/// <param name="Wanted">How many neighbours there are of all of them.</param>
/// <param name="Times">Milliseconds of each search.</param>
internal sealed record ExactSample(IReadOnlyList<(string Id, double Farthest)> Farthest, int Wanted, IReadOnlyList<double> Times);

/// <param name="Recall">The share of the exact neighbours that were found, 0 to 1.</param>
/// <param name="Times">Milliseconds of each search.</param>
internal sealed record SearchedSample(double Recall, IReadOnlyList<double> Times);

/// <summary>Measures searches for the nearest rows of vectors that are stored.</summary>
internal sealed class IndexProbe(NpgsqlDataSource database)
{
    public const int Neighbours = 10;

    private const int Searches = 100;

    private const int EfSearch = 100;

    private static readonly SqlText _exactly = Sql.Of(
        $"SELECT set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true)");

    /// <returns>Of a table with vectors; null where there are none.</returns>
    public async Task<IndexQuality?> Measure(ResolvedTable table, CancellationToken cancellation)
    {
        var exact = await Exactly(table, await Sample(table, Searches, cancellation), Neighbours, cancellation);
        if (exact.Wanted == 0)
        {
            return null;
        }

        var found = await ByIndex(table, exact, EfSearch, Neighbours, cancellation);
        return new IndexQuality(found.Recall, Percentile([.. found.Times], 0.95));
    }

    /// <summary>Looks for the nearest items of each of a sample, without an index.</summary>
    public async Task<ExactSample> Exactly(
        ResolvedTable table, IReadOnlyList<string> sample, int neighbours, CancellationToken cancellation)
    {
        var (farthest, wanted, times) = (new List<(string, double)>(), 0, new List<double>());
        foreach (var id in sample)
        {
            var begun = Stopwatch.GetTimestamp();
            var exact = await Nearest(table, id, _exactly, neighbours, cancellation);
            times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            // Of equal distances any will do.
            farthest.Add((id, exact.Count > 0 ? exact.Max(row => row.Distance) + 1e-6 : 0));
            wanted += exact.Count;
        }

        return new ExactSample(farthest, wanted, times);
    }

    /// <summary>Looks for the same by the index.</summary>
    public async Task<SearchedSample> ByIndex(
        ResolvedTable table, ExactSample exact, int efSearch, int neighbours, CancellationToken cancellation)
    {
        var (found, times) = (0, new List<double>());
        foreach (var (id, farthest) in exact.Farthest)
        {
            // The first search reads the index from disk; of the others the faster one is less disturbed.
            found += (await Nearest(table, id, ByIndex(efSearch), neighbours, cancellation)).Count(row => row.Distance <= farthest);
            times.Add(Math.Min(
                await Time(table, id, efSearch, neighbours, cancellation), await Time(table, id, efSearch, neighbours, cancellation)));
        }

        return new SearchedSample(Math.Min(1, (double)found / exact.Wanted), times);
    }

    /// <returns>The share of an item's neighbours that two generations have in common, 0 to 1; models may rightly differ.</returns>
    public async Task<double?> Overlap(ResolvedTable one, ResolvedTable other, CancellationToken cancellation)
    {
        var shares = new List<double>();
        foreach (var id in await Sample(one, Searches, cancellation))
        {
            var first = await Nearest(one, id, ByIndex(EfSearch), Neighbours, cancellation);
            var second = await Nearest(other, id, ByIndex(EfSearch), Neighbours, cancellation);
            if (first.Count > 0 && second.Count > 0)
            {
                shares.Add((double)first.Select(row => row.Id).Intersect(second.Select(row => row.Id)).Count() / first.Count);
            }
        }

        return shares.Count == 0 ? null : shares.Average();
    }

    /// <returns>The ids of items with vectors, by chance.</returns>
    public Task<List<string>> Sample(ResolvedTable table, int searches, CancellationToken cancellation) => database.QueryAsync(
        $"""
        SELECT {table.Id}::text FROM {table.Target} t WHERE {table.Vector} IS NOT NULL ORDER BY random() LIMIT {searches}
        """,
        row => row.GetString(0), cancellation, Sql.TimeoutOfCounts);

    public static double Percentile(List<double> values, double share)
    {
        values.Sort();
        return values[Math.Min(values.Count - 1, (int)(values.Count * share))];
    }

    // Left alone, pgvector looks at forty rows.
    private static SqlText ByIndex(int efSearch) =>
        $"""
        SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true),
               set_config('hnsw.ef_search', {efSearch}::text, true)
        """;

    private async Task<double> Time(ResolvedTable table, string id, int efSearch, int neighbours, CancellationToken cancellation)
    {
        var begun = Stopwatch.GetTimestamp();
        await Nearest(table, id, ByIndex(efSearch), neighbours, cancellation);
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    private async Task<List<(string Id, double Distance)>> Nearest(
        ResolvedTable table, string id, SqlText settings, int neighbours, CancellationToken cancellation)
    {
        var rows = new List<(string, double)>();
        var own = Sql.Of(
            $"(SELECT o.{table.VectorName} FROM {table.Target} o WHERE o.{Sql.Identifier(table.IdColumn)} = {id}::{table.IdType})");
        var query = Sql.Of(
            $"""
            SELECT {table.Id}::text, {table.Vector} {table.Distance} {own}
            FROM   {table.Target} t
            WHERE  {table.Vector} IS NOT NULL
            ORDER  BY {table.Vector} {table.Distance} {own}
            LIMIT  {neighbours}
            """);
        await database.ReadAsync([settings, query], cancellation, _ => { }, row => rows.Add((row.GetString(0), row.GetDouble(1))));
        return rows;
    }
}
