using EmbeddingFunctions.Bench.Backfill;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;

namespace EmbeddingFunctions.Bench.OneTable;

/// <summary>Anyone's table with the defaults, beside a loop that does the least that can be done.</summary>
internal static class OneTableBenchmark
{
    private const int BareBatch = ProviderAlone.BatchSize;

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note(
            $"{sizes.Items:N0} rows of about 2,000 characters, 384 dimensions, no partitions, no vector index, 100 ms a request; each from "
                + $"a cold start; medians of {sizes.Runs}.\n");
        await using var fake = await FakeServer.Start();
        var cases = new[]
        {
            new Case("bare loop, 20 a request", BareLoop.Command, 8, BareBatch),
            new Case("bare loop, 20 a request", BareLoop.Command, 32, BareBatch),
            new Case("the engine, defaults", OneTableRun.Command, 8, null),
            new Case("the engine, 20 a request", OneTableRun.Command, 8, BareBatch),
            new Case("the engine, 20 a request", OneTableRun.Command, 32, BareBatch),
            new Case("the engine, automatic", OneTableRun.Command, 32, null),
        };
        var alone = new Dictionary<int, List<double>> { [8] = [], [32] = [] };
        var measured = cases.ToDictionary(each => each, _ => new List<Cost>());
        for (var run = 0; run < sizes.Runs; run++)
        {
            foreach (var (inFlight, rates) in alone)
            {
                rates.Add(await ProviderAlone.Measure(fake, inFlight, sizes.Items));
            }

            foreach (var each in cases)
            {
                measured[each].Add(await Measure(each, sizes.Items, fake));
            }
        }

        double Median(Case each, Func<Cost, double> figure) => measured[each].Select(figure).Median();
        report.Table(
            ["what", "in flight", "rows/s", "CPU s per 1000 rows", "database CPU s per 1000 rows", "requests"],
            [
                .. alone.Select(each => (string[])[
                    "the provider alone, 20 a request", $"{each.Key}", $"{each.Value.Median():N0}", "", "", ""]),
                .. cases.Select(each => (string[])[
                    each.What, $"{each.InFlight}", $"{Median(each, cost => cost.RowsPerSecond):N0}", $"{Median(each, cost => cost.Cpu):N3}",
                    $"{Median(each, cost => cost.DatabaseCpu):N3}", $"{Median(each, cost => cost.Requests):N0}"]),
            ]);
        var (bare, bareMany, defaults, few, many) = (cases[0], cases[1], cases[2], cases[3], cases[4]);
        double Ratio(Case one, Case other, Func<Cost, double> figure) => Median(one, figure) / Median(other, figure);
        report.Add(Goal.AtLeast("one table, defaults: against the bare loop", 2.0, Ratio(defaults, bare, c => c.RowsPerSecond), " x", 2));
        report.Add(Goal.AtLeast("one table, 20 a request, 8 in flight", 1.2, Ratio(few, bare, c => c.RowsPerSecond), " x", 2));
        report.Add(Goal.AtLeast("one table, 20 a request, 32 in flight", 0.95, Ratio(many, bareMany, c => c.RowsPerSecond), " x", 2));
        report.Add(Goal.AtMost("one table, defaults: database CPU", 1.8, Ratio(defaults, bare, c => c.DatabaseCpu), " x", 2));
        report.Add(Goal.AtMost("one table, defaults: process CPU", 1.3, Ratio(defaults, bare, c => c.Cpu), " x", 2));
    }

    private static async Task<Cost> Measure(Case each, int items, FakeServer fake)
    {
        await using var database = await BenchDatabase.Create(
            BenchCorpus.Articles, items, 1, BackfillBenchmark.Characters, hasVectorIndex: false);
        await database.Execute(BareLoop.CreateTable);
        var (cpu, requests) = (await DatabaseCpu.OfServer(database), (await fake.Audit()).Requests);
        var result = await ChildProcess.Ask<LoopOrder, LoopResult>(each.Command, new LoopOrder(
            database.ConnectionString, database.Corpus.File, database.Corpus.Name, fake.BaseUrl, each.InFlight, each.BatchSize));
        if (result.Items != items)
        {
            throw new InvalidOperationException($"{each.What}: {result.Items} of {items} rows have a vector.");
        }

        return new Cost(
            items / result.Seconds, result.CpuSeconds * 1_000 / items, (await DatabaseCpu.OfServer(database) - cpu) * 1_000 / items,
            (await fake.Audit()).Requests - requests);
    }

    private sealed record Case(string What, string Command, int InFlight, int? BatchSize);

    private sealed record Cost(double RowsPerSecond, double Cpu, double DatabaseCpu, int Requests);
}
