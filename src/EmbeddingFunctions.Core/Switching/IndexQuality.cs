using System.Diagnostics;
using EmbeddingFunctions.Storage;
using Npgsql;

namespace EmbeddingFunctions.Switching;

/// <summary>How well an index finds what an exact search finds.</summary>
/// <param name="Recall">The share of the exact neighbours that the index finds, 0 to 1.</param>
/// <param name="P95">Milliseconds that 95 % of searches by the index take at most.</param>
internal sealed record IndexQuality(double Recall, double P95);

/// <summary>Measures searches for the nearest rows of vectors that are stored.</summary>
internal sealed class IndexProbe(NpgsqlDataSource database)
{
    public const int Neighbours = 10;

    private const int Searches = 100;

    // Left alone, pgvector looks at forty rows.
    private static readonly SqlText _byIndex = Sql.Of(
        $"""
        SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true),
               set_config('hnsw.ef_search', '100', true)
        """);

    private static readonly SqlText _exactly = Sql.Of(
        $"SELECT set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true)");

    /// <returns>Of a table with vectors; null where there are none.</returns>
    public async Task<IndexQuality?> Measure(ResolvedTable table, CancellationToken cancellation)
    {
        var (found, wanted, times) = (0, 0, new List<double>());
        foreach (var id in await Sample(table, cancellation))
        {
            var exact = await Nearest(table, id, _exactly, cancellation);
            // The first search reads the index from disk; of the others the faster one is less disturbed.
            var near = await Nearest(table, id, _byIndex, cancellation);
            times.Add(Math.Min(await Time(table, id, cancellation), await Time(table, id, cancellation)));
            // Of equal distances any will do.
            var farthest = exact.Count > 0 ? exact.Max(row => row.Distance) + 1e-6 : 0;
            (found, wanted) = (found + near.Count(row => row.Distance <= farthest), wanted + exact.Count);
        }

        return wanted == 0 ? null : new IndexQuality(Math.Min(1, (double)found / wanted), Percentile(times, 0.95));
    }

    /// <returns>The share of an item's neighbours that two generations have in common, 0 to 1; models may rightly differ.</returns>
    public async Task<double?> Overlap(ResolvedTable one, ResolvedTable other, CancellationToken cancellation)
    {
        var shares = new List<double>();
        foreach (var id in await Sample(one, cancellation))
        {
            var (first, second) = (await Nearest(one, id, _byIndex, cancellation), await Nearest(other, id, _byIndex, cancellation));
            if (first.Count > 0 && second.Count > 0)
            {
                shares.Add((double)first.Select(row => row.Id).Intersect(second.Select(row => row.Id)).Count() / first.Count);
            }
        }

        return shares.Count == 0 ? null : shares.Average();
    }

    private async Task<double> Time(ResolvedTable table, string id, CancellationToken cancellation)
    {
        var begun = Stopwatch.GetTimestamp();
        await Nearest(table, id, _byIndex, cancellation);
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    private Task<List<string>> Sample(ResolvedTable table, CancellationToken cancellation) => database.QueryAsync(
        $"""
        SELECT {table.Id}::text FROM {table.Target} t WHERE {table.Vector} IS NOT NULL ORDER BY random() LIMIT {Searches}
        """,
        row => row.GetString(0), cancellation, Sql.TimeoutOfCounts);

    private async Task<List<(string Id, double Distance)>> Nearest(
        ResolvedTable table, string id, SqlText settings, CancellationToken cancellation)
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
            LIMIT  {Neighbours}
            """);
        await database.ReadAsync([settings, query], cancellation, _ => { }, row => rows.Add((row.GetString(0), row.GetDouble(1))));
        return rows;
    }

    private static double Percentile(List<double> values, double share)
    {
        values.Sort();
        return values[Math.Min(values.Count - 1, (int)(values.Count * share))];
    }
}
