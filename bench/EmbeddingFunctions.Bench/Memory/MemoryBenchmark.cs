using EmbeddingFunctions.Bench.Backfill;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;

namespace EmbeddingFunctions.Bench.Memory;

/// <summary>The most memory that a backfill has resident, and whether it grows with the number of items.</summary>
internal static class MemoryBenchmark
{
    private const int Concurrency = 32;

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note($"The plain corpus, {Concurrency} in flight; medians of {sizes.Runs}.\n");
        await using var fake = await FakeServer.Start();
        var few = await Measure(fake, sizes.Items, sizes.Runs);
        var many = await Measure(fake, sizes.ManyItems, sizes.Runs);
        report.Table(
            ["items", "peak MB", "MB allocated", "full collections", "rows/s", "CPU s per 1000 rows"],
            new[] { few, many }.Select(runs => new[]
            {
                $"{runs[0].Items:N0}", $"{Peak(runs):N0}", $"{runs.Select(r => r.AllocatedMegabytes).Median():N0}",
                $"{runs.Select(r => (double)r.FullCollections).Median():N0}", $"{runs.Select(r => r.RowsPerSecond).Median():N0}",
                $"{runs.Select(r => r.CpuPerThousand).Median():N3}",
            }));
        report.Add(Goal.AtMost($"peak memory at {sizes.Items:N0} items", 200, Peak(few), " MB"));
        report.Add(Goal.AtMost($"peak memory at {sizes.ManyItems:N0} items", 200, Peak(many), " MB"));
        report.Add(
            Goal.AtMost($"peak memory, {sizes.ManyItems:N0} items against {sizes.Items:N0}", 110, Peak(many) * 100 / Peak(few), " %"));
    }

    private static async Task<List<BackfillResult>> Measure(FakeServer fake, int items, int runs)
    {
        var results = new List<BackfillResult>();
        for (var run = 0; run < runs; run++)
        {
            await using var database = await BenchDatabase.Create(
                BenchCorpus.Plain, MeasuredBackfill.WarmUp + items, BackfillBenchmark.Partitions, BackfillBenchmark.Characters,
                hasVectorIndex: false);
            results.Add(await MeasuredBackfill.Measure(database, fake.BaseUrl, Concurrency));
        }

        return results;
    }

    private static double Peak(List<BackfillResult> runs) => runs.Select(run => run.PeakMegabytes).Median();
}
