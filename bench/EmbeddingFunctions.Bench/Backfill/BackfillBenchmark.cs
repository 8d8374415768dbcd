using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;

namespace EmbeddingFunctions.Bench.Backfill;

/// <summary>Rows a second against a provider that takes 100 ms a request, beside what that provider gives to a bare loop.</summary>
internal static class BackfillBenchmark
{
    public const int Partitions = 40;

    public const int Characters = 1_980;

    private const int FewPartitions = 10;
    private const string Indexed = "workspace, 10 repositories, with its index";

    private static readonly int[] _concurrencies = [8, 32];

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note(
            $"{sizes.Items:N0} items of about 2,000 characters, {Partitions} partitions, batches of {ProviderAlone.BatchSize}, 100 ms a "
                + $"request; medians of {sizes.Runs}. The first {MeasuredBackfill.WarmUp:N0} items of each process are start-up.\n");
        await using var fake = await FakeServer.Start();
        var rows = new List<BackfillRow>();
        foreach (var concurrency in _concurrencies)
        {
            // One after the other, so that a busy minute of the machine is in all of them alike.
            var (alone, plain, workspace) = (new List<double>(), new List<BackfillResult>(), new List<BackfillResult>());
            for (var run = 0; run < sizes.Runs; run++)
            {
                alone.Add(await ProviderAlone.Measure(fake, concurrency, sizes.Items));
                plain.Add(await Measure(BenchCorpus.Plain, sizes.Items, fake, concurrency));
                workspace.Add(await Measure(BenchCorpus.Workspace, sizes.Items, fake, concurrency));
            }

            rows.Add(new("the provider alone", concurrency, alone.Median(), alone.Median(), []));
            rows.Add(new("plain", concurrency, alone.Median(), plain.Select(r => r.RowsPerSecond).Median(), plain));
            rows.Add(new("workspace", concurrency, alone.Median(), workspace.Select(r => r.RowsPerSecond).Median(), workspace));
            var indexed = await Measure(BenchCorpus.IndexedWorkspace, sizes.Items, fake, concurrency, FewPartitions);
            rows.Add(new(Indexed, concurrency, alone.Median(), indexed.RowsPerSecond, [indexed]));
        }

        report.Table(
            [
                "what", "in flight", "rows/s", "of the ideal", "of the provider alone", "CPU s per 1000 rows", "start-up CPU s", "peak MB",
                "MB allocated"],
            rows.Select(row => row.Cells()));
        var whole = rows.First(row => row.What == Indexed);
        report.Add(Goal.AtLeast($"{Indexed}, 8 in flight: against the provider alone", 0.75, whole.RowsPerSecond / whole.Alone, " x", 2));
        foreach (var corpus in new[] { BenchCorpus.Plain.Name, BenchCorpus.Workspace.Name })
        {
            var (few, many) = (rows.First(r => r.What == corpus && r.InFlight == 8), rows.First(r => r.What == corpus && r.InFlight == 32));
            report.Add(Goal.AtLeast($"{corpus}, 8 in flight: share of the ideal", 95, few.OfIdeal, " %", 1));
            report.Add(Goal.AtLeast($"{corpus}, 8 in flight: rows/s", 1_520, few.RowsPerSecond));
            report.Add(Goal.AtLeast($"{corpus}, 32 in flight: rows/s", 4_500, many.RowsPerSecond));
            report.Add(Goal.AtMost($"{corpus}, 8 in flight: CPU s per 1000 rows", 0.11, few.CpuPerThousand, "", 3));
            report.Add(Goal.AtMost($"{corpus}, 32 in flight: CPU s per 1000 rows", 0.11, many.CpuPerThousand, "", 3));
        }
    }

    private static async Task<BackfillResult> Measure(
        BenchCorpus corpus, int items, FakeServer fake, int concurrency, int partitions = Partitions)
    {
        await using var database = await BenchDatabase.Create(
            corpus, MeasuredBackfill.WarmUp + items, partitions, Characters, hasVectorIndex: false);
        return await MeasuredBackfill.Measure(database, fake.BaseUrl, concurrency);
    }
}
