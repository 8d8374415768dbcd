using System.Diagnostics;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Local;

namespace EmbeddingFunctions.Bench.Local;

/// <summary>How many texts a second the local model embeds, in calls as a backfill makes them.</summary>
internal static class LocalBenchmark
{
    private const int Batch = 20;

    // As many as a run with the standard concurrency has in flight.
    private const int Callers = 10;

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note($"English prose, {Batch} texts a call, {Callers} calls at once; medians of {sizes.Runs}.\n");
        var clock = Stopwatch.StartNew();
        using var model = new MiniLmModel();
        await model.GenerateAsync(["warm up"]);
        var start = clock.Elapsed.TotalMilliseconds;
        var longTexts = await Measure(model, sizes.LocalTexts, 2_000, sizes.Runs);
        var shortTexts = await Measure(model, sizes.LocalTexts * 10, 60, sizes.Runs);
        report.Table(
            ["texts", "characters", "word pieces each", "texts/s", "CPU ms a text"],
            new[] { (sizes.LocalTexts, 2_000, longTexts), (sizes.LocalTexts * 10, 60, shortTexts) }.Select(row => new[]
            {
                $"{row.Item1:N0}", $"{row.Item2:N0}", $"{row.Item3[0].Pieces:N0}", $"{Rate(row.Item3):N1}",
                $"{row.Item3.Select(run => run.CpuMilliseconds).Median():N1}",
            }));
        report.Note($"From nothing to the first vector: {start:N0} ms.");
        report.Add(Goal.AtLeast("local model, texts of 2,000 characters", 25, Rate(longTexts), " texts/s", 1));
        report.Add(Goal.AtLeast("local model, texts of 60 characters", 400, Rate(shortTexts), " texts/s"));
    }

    private static double Rate(List<LocalRun> runs) => runs.Select(run => run.TextsPerSecond).Median();

    private static async Task<List<LocalRun>> Measure(MiniLmModel model, int texts, int characters, int runs)
    {
        var results = new List<LocalRun>();
        for (var run = 0; run < runs; run++)
        {
            var batches = Enumerable.Range(0, texts).Select(n => Prose.Text((run * texts) + n, characters)).Chunk(Batch).ToList();
            var pieces = 0L;
            var (clock, cpu) = (Stopwatch.StartNew(), Cpu());
            await Parallel.ForEachAsync(batches, new ParallelOptions { MaxDegreeOfParallelism = Callers }, async (batch, cancellation) =>
                Interlocked.Add(ref pieces, (await model.GenerateAsync(batch, null, cancellation)).Usage!.InputTokenCount!.Value));
            results.Add(new LocalRun((double)pieces / texts, texts / clock.Elapsed.TotalSeconds, (Cpu() - cpu).TotalMilliseconds / texts));
        }

        return results;
    }

    private static TimeSpan Cpu() => Environment.CpuUsage.TotalTime;
}

internal sealed record LocalRun(double Pieces, double TextsPerSecond, double CpuMilliseconds);
