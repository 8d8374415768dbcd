using EmbeddingFunctions.Bench.Backfill;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.OneTable;
using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;

namespace EmbeddingFunctions.Bench.Durable;

/// <summary>The same backfill by the in-process engine and by the orchestration on the Durable worker, its task hub in memory.</summary>
internal static class DurableBenchmark
{
    private const int InFlight = 8;

    private static readonly Case[] _cases =
    [
        new("one table, defaults", BenchCorpus.Articles, Partitions: 1),
        new("workspace, 10 repositories", BenchCorpus.Workspace, Partitions: 10),
    ];

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note(
            $"{sizes.Items:N0} rows of about 2,000 characters, 384 dimensions, no vector index, {InFlight} in flight, 100 ms a request; "
                + $"each in a new process, from the order to the end of the run; medians of {sizes.Runs}. Durable's CPU time includes the "
                + "task hub's.\n");
        await using var fake = await FakeServer.Start();
        var within = _cases.ToDictionary(each => each, _ => new List<Cost>());
        var through = _cases.ToDictionary(each => each, _ => new List<Cost>());
        for (var run = 0; run < sizes.Runs; run++)
        {
            foreach (var each in _cases)
            {
                within[each].Add(await Measure(each, sizes.Items, fake, async order => new DurableResult(
                    await ChildProcess.Ask<LoopOrder, LoopResult>(OneTableRun.Command, order), 0, 0, 0, 0, 0)));
                through[each].Add(await Measure(
                    each, sizes.Items, fake, order => ChildProcess.Ask<LoopOrder, DurableResult>(DurableRun.Command, order)));
            }
        }

        report.Table(
            [
                "what", "by", "rows/s", "CPU s per 1000 rows", "database CPU s per 1000 rows", "requests", "activities", "turns",
                "timers", "histories", "KB of them"],
            _cases.SelectMany(each => new[] { Row(each, "the engine", within[each]), Row(each, "Durable", through[each]) }));
        foreach (var each in _cases)
        {
            report.Add(Goal.AtLeast(
                $"durable: {each.What}, against the in-process engine", 0.8, RowsPerSecond(through[each]) / RowsPerSecond(within[each]),
                " x", 2));
        }
    }

    private static async Task<Cost> Measure(Case each, int items, FakeServer fake, Func<LoopOrder, Task<DurableResult>> embed)
    {
        await using var database = await BenchDatabase.Create(
            each.Corpus, items, each.Partitions, BackfillBenchmark.Characters, hasVectorIndex: false);
        var (cpu, requests) = (await DatabaseCpu.OfServer(database), (await fake.Audit()).Requests);
        var result = await embed(new LoopOrder(
            database.ConnectionString, database.Corpus.File, database.Corpus.Name, fake.BaseUrl, InFlight, BatchSize: null));
        if (result.Loop.Items != items)
        {
            throw new InvalidOperationException($"{each.What}: {result.Loop.Items} of {items} rows have a vector.");
        }

        return new Cost(result, await DatabaseCpu.OfServer(database) - cpu, (await fake.Audit()).Requests - requests);
    }

    private static string[] Row(Case each, string engine, List<Cost> costs)
    {
        string Median(Func<Cost, double> figure, int digits = 0) => costs.Select(figure).Median().ToString($"N{digits}");
        string Thousand(Func<Cost, double> seconds) => Median(cost => seconds(cost) * 1_000 / cost.Result.Loop.Items, 3);
        string[] ofHub = costs[0].Result.Turns == 0 ? ["", "", "", "", ""] : [
            Median(cost => cost.Result.Activities), Median(cost => cost.Result.Turns), Median(cost => cost.Result.Timers),
            Median(cost => cost.Result.Generations), Median(cost => cost.Result.HistoryBytes / 1_000d)];
        return [
            each.What, engine, $"{RowsPerSecond(costs):N0}", Thousand(cost => cost.Result.Loop.CpuSeconds),
            Thousand(cost => cost.DatabaseCpu), Median(cost => cost.Requests), .. ofHub];
    }

    private static double RowsPerSecond(List<Cost> costs) =>
        costs.Select(cost => cost.Result.Loop.Items / cost.Result.Loop.Seconds).Median();

    private sealed record Case(string What, BenchCorpus Corpus, int Partitions);

    private sealed record Cost(DurableResult Result, double DatabaseCpu, int Requests);
}
