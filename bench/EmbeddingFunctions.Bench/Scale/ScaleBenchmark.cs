using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.OneTable;
using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;

namespace EmbeddingFunctions.Bench.Scale;

/// <summary>Whether a backfill slows down, or anything grows that should not, with the number of rows.</summary>
internal static class ScaleBenchmark
{
    private const int Characters = 60;
    private const int InFlight = 8;

    private static readonly string[] _growing = ["claims", "flights", "cache"];

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note(
            $"{sizes.ScaleItems:N0} rows of {Characters} characters in one table with the defaults, {InFlight} in flight, a provider "
                + "without latency; one run.\n");
        await using var fake = await FakeServer.Start(TimeSpan.Zero);
        await using var database = await BenchDatabase.Create(
            BenchCorpus.Articles, sizes.ScaleItems, 1, Characters, hasVectorIndex: false);
        var result = await ChildProcess.Ask<LoopOrder, ScaleResult>(ScaleRun.Command, new LoopOrder(
            database.ConnectionString, database.Corpus.File, database.Corpus.Name, fake.BaseUrl, InFlight, null));
        var rates = result.Tenths.Select((end, i) => sizes.ScaleItems / 10 / (end - (i == 0 ? 0 : result.Tenths[i - 1]))).ToList();
        report.Table(
            ["tenth", .. Enumerable.Range(1, rates.Count).Select(tenth => $"{tenth}")],
            [["rows/s", .. rates.Select(rate => $"{rate:N0}")]]);
        var sizesOf = await Task.WhenAll(_growing.Select(async table => (
            Table: table, Megabytes: await database.Ask<double>(
                $"SELECT pg_total_relation_size('embedding.{table}') / 1048576.0::float8"))));
        report.Table(
            ["peak MB", .. sizesOf.Select(size => $"embedding.{size.Table}, MB")],
            [[$"{result.PeakMegabytes:N0}", .. sizesOf.Select(size => $"{size.Megabytes:N1}")]]);
        // The first tenth has the start of the process in it.
        report.Add(Goal.AtLeast("scale: rate of the last tenth against the second", 0.9, rates[^1] / rates[1], " x", 2));
        report.Add(Goal.AtMost("scale: peak memory", 200, result.PeakMegabytes, " MB"));
    }
}
