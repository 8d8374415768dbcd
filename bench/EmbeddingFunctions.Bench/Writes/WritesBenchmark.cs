using System.Diagnostics;
using EmbeddingFunctions.Bench.Backfill;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Reports;

namespace EmbeddingFunctions.Bench.Writes;

/// <summary>The engine's own write, its checks and bookkeeping included, against one UPDATE a row on the same data.</summary>
internal static class WritesBenchmark
{
    private const int ItemsPerPartition = 200;

    private static readonly int[] _batchSizes = [20, 200];

    private static readonly IReadOnlyList<(string Name, Func<BenchDatabase, IBatchWrite> Start)> _ways =
    [
        ("one UPDATE a row, vector as text", database => new RowByRow(database, isText: true, isOneTransaction: false)),
        ("one UPDATE a row, real[]", database => new RowByRow(database, isText: false, isOneTransaction: false)),
        (
            "one UPDATE a row, vector as text, one transaction a batch",
            database => new RowByRow(database, isText: true, isOneTransaction: true)),
        ("one UPDATE a row, real[], one transaction a batch", database => new RowByRow(database, isText: false, isOneTransaction: true)),
        ("the engine's write", database => new EngineWrite(database)),
    ];

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note(
            $"{sizes.Rows:N0} rows of 384 dimensions, one connection; no HNSW index, all other indexes and the trigger in place; medians "
                + $"of {sizes.Runs}.\n");
        var rates = new Dictionary<(string Way, int BatchSize), List<double>>();
        for (var run = 0; run < sizes.Runs; run++)
        {
            foreach (var (way, batchSize) in _ways.SelectMany(_ => _batchSizes, (way, batchSize) => (way, batchSize)))
            {
                rates.TryAdd((way.Name, batchSize), []);
                rates[(way.Name, batchSize)].Add(await Measure(way.Start, sizes.Rows, batchSize));
            }
        }

        Tell(report, rates.ToDictionary(rate => rate.Key, rate => rate.Value.Median()));
    }

    private static async Task<double> Measure(Func<BenchDatabase, IBatchWrite> start, int rows, int batchSize)
    {
        await using var database = await BenchDatabase.Create(
            BenchCorpus.Plain, rows, rows / ItemsPerPartition, BackfillBenchmark.Characters, hasVectorIndex: false);
        await using var way = start(database);
        var batches = new ClaimedBatches(database, rows / ItemsPerPartition, batchSize);
        var clock = new Stopwatch();
        await foreach (var (claim, outcomes) in batches.Take())
        {
            clock.Start();
            await way.Write(claim, outcomes);
            clock.Stop();
            // Only the engine's way ends its claims, which keep a lane of the partition.
            await database.Execute("DELETE FROM embedding.claims");
        }

        var written = await database.Ask<long>("SELECT count(*) FROM documents WHERE embedding IS NOT NULL");
        return written == rows
            ? rows / clock.Elapsed.TotalSeconds
            : throw new InvalidOperationException($"{written} of {rows} rows were written.");
    }

    private static void Tell(Report report, Dictionary<(string Way, int BatchSize), double> rates)
    {
        var engine = _ways[^1].Name;
        double Ratio(string way, int batchSize) => rates[(engine, batchSize)] / rates[(way, batchSize)];
        report.Table(
            [
                "way", .. _batchSizes.Select(size => $"rows/s, {size} a batch"),
                .. _batchSizes.Select(size => $"engine's against it, {size}")],
            _ways.Select(way => (string[])
            [
                way.Name, .. _batchSizes.Select(size => $"{rates[(way.Name, size)]:N0}"),
                .. _batchSizes.Select(size => $"{Ratio(way.Name, size):N1} x"),
            ]));
        foreach (var batchSize in _batchSizes)
        {
            report.Add(Goal.AtLeast($"writes, {batchSize} a batch: against {_ways[0].Name}", 4, Ratio(_ways[0].Name, batchSize), " x", 1));
        }
    }
}
