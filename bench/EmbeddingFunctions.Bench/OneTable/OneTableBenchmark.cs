using System.Diagnostics;
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
            new Case("the engine, defaults, a column of the table", OneTableRun.Command, 8, null, IsWithin: true),
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

        var (without, creating, with) = await Indexed(sizes, fake);
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
        report.Add(Goal.AtLeast(
            "one table: beside the rows, against a column of the table", 1.0, Ratio(defaults, cases[^1], c => c.RowsPerSecond), " x", 2));
        report.Add(Goal.AtLeast("one table, defaults: against the bare loop", 2.0, Ratio(defaults, bare, c => c.RowsPerSecond), " x", 2));
        report.Add(Goal.AtLeast("one table, 20 a request, 8 in flight", 1.2, Ratio(few, bare, c => c.RowsPerSecond), " x", 2));
        report.Add(Goal.AtLeast("one table, 20 a request, 32 in flight", 0.95, Ratio(many, bareMany, c => c.RowsPerSecond), " x", 2));
        report.Add(Goal.AtMost("one table, defaults: database CPU", 1.8, Ratio(defaults, bare, c => c.DatabaseCpu), " x", 2));
        report.Add(Goal.AtMost("one table, defaults: process CPU", 1.3, Ratio(defaults, bare, c => c.Cpu), " x", 2));
        report.Note(
            $"With its HNSW index: {with:N1} s; without it {without:N1} s, and {creating:N1} s of a plain CREATE INDEX afterwards.\n");
        report.Add(Goal.AtMost(
            "one table: backfill with its index, against the same without and CREATE INDEX", 1.15, with / (without + creating), " x", 2));
    }

    /// <returns>Seconds of the backfill without index, of creating it then, and of the backfill that ends with one.</returns>
    private static async Task<(double Without, double Creating, double With)> Indexed(Sizes sizes, FakeServer fake)
    {
        var (without, creating, with) = (new List<double>(), new List<double>(), new List<double>());
        for (var run = 0; run < sizes.Runs; run++)
        {
            await using (var plain = await Create(BenchCorpus.Articles, sizes.Items))
            {
                without.Add((await Embed(plain, OneTableRun.Command, fake, 8, null)).Seconds);
                var clock = Stopwatch.StartNew();
                await plain.Execute(
                    "CREATE INDEX ON embedding.vectors_articles_article USING hnsw (embedding vector_cosine_ops) WITH (m = 16, "
                        + "ef_construction = 64)");
                creating.Add(clock.Elapsed.TotalSeconds);
            }

            await using var indexed = await Create(BenchCorpus.Indexed, sizes.Items);
            with.Add((await Embed(indexed, OneTableRun.Command, fake, 8, null)).Seconds);
            if (await indexed.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%USING hnsw%'") != 1)
            {
                throw new InvalidOperationException("The index was not built.");
            }
        }

        return (without.Median(), creating.Median(), with.Median());
    }

    private static Task<BenchDatabase> Create(BenchCorpus corpus, int items) =>
        BenchDatabase.Create(corpus, items, 1, BackfillBenchmark.Characters, hasVectorIndex: false);

    private static Task<LoopResult> Embed(BenchDatabase database, string command, FakeServer fake, int inFlight, int? batchSize) =>
        ChildProcess.Ask<LoopOrder, LoopResult>(command, new LoopOrder(
            database.ConnectionString, database.Corpus.File, database.Corpus.Name, fake.BaseUrl, inFlight, batchSize));

    private static async Task<Cost> Measure(Case each, int items, FakeServer fake)
    {
        await using var database = await Create(each.IsWithin ? BenchCorpus.Within : BenchCorpus.Articles, items);
        await database.Execute(BareLoop.CreateTable);
        var (cpu, requests) = (await DatabaseCpu.OfServer(database), (await fake.Audit()).Requests);
        var result = await Embed(database, each.Command, fake, each.InFlight, each.BatchSize);
        if (result.Items != items)
        {
            throw new InvalidOperationException($"{each.What}: {result.Items} of {items} rows have a vector.");
        }

        return new Cost(
            items / result.Seconds, result.CpuSeconds * 1_000 / items, (await DatabaseCpu.OfServer(database) - cpu) * 1_000 / items,
            (await fake.Audit()).Requests - requests);
    }

    private sealed record Case(string What, string Command, int InFlight, int? BatchSize, bool IsWithin = false);

    private sealed record Cost(double RowsPerSecond, double Cpu, double DatabaseCpu, int Requests);
}
