using System.Diagnostics;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Bench.Planning;

/// <summary>What a page costs to plan and a batch to claim, however much is pending.</summary>
internal static class PlanningBenchmark
{
    private const int Partitions = 5;

    // Planning never looks at the text, and a claim only at those of its own items.
    private const int Characters = 200;

    private const int WarmUps = 10;

    public static async Task Run(Sizes sizes, Report report)
    {
        report.Note(
            $"The plain corpus, {Partitions} partitions, pages of 200, batches of 20; {sizes.Plans} pages and claims at each size, in "
                + "milliseconds.\n");
        var latencies = new List<PlanningLatencies>();
        foreach (var pending in sizes.Pending)
        {
            await using var database = await BenchDatabase.Create(BenchCorpus.Plain, pending, Partitions, Characters, hasVectorIndex: true);
            latencies.Add(new PlanningLatencies(pending, await Plans(database, sizes.Plans), await Claims(database, sizes.Plans)));
        }

        report.Table(
            ["pending", "plan, median", "plan, p99", "claim, median", "claim, p99"],
            latencies.Select(l => new[]
            {
                $"{l.Pending:N0}", $"{l.Plans.Median():N2}", $"{l.Plans.Percentile(99):N2}", $"{l.Claims.Median():N2}",
                $"{l.Claims.Percentile(99):N2}",
            }));
        report.Add(
            Goal.AtMost("planning a page: slowest size against fastest", 1.5, Spread(latencies.Select(l => l.Plans.Median())), " x", 2));
        report.Add(
            Goal.AtMost("claiming a batch: slowest size against fastest", 1.5, Spread(latencies.Select(l => l.Claims.Median())), " x", 2));
    }

    private static double Spread(IEnumerable<double> medians) => medians.Max() / medians.Min();

    private static async Task<List<double>> Plans(BenchDatabase database, int count)
    {
        var planner = database.Get<PagePlanner>();
        var run = new RunInput(Guid.CreateVersion7(), new RunRequest(database.Corpus.Name, []));
        var cursor = "";
        return await Time(count, async () =>
        {
            var page = await planner.Plan(new PlanPage(run, cursor, [], int.MaxValue), CancellationToken.None);
            cursor = page.Cursor;
            return page.Batches.Count > 0;
        });
    }

    // Given back each time, so that all claims find the same number pending.
    private static async Task<List<double>> Claims(BenchDatabase database, int count)
    {
        var claims = database.Get<ClaimStore>();
        var corpus = await database.Get<ResolvedCorpora>().Get(database.Corpus.Name, CancellationToken.None);
        var partition = 0;
        Claim? claim = null;
        return await Time(
            count,
            async () =>
            {
                var order = new EmbedBatch(
                    Guid.Empty, Guid.Empty, database.Corpus.Name, corpus.Tables[0].Kind, $"{partition++ % Partitions}", 20, null);
                claim = await claims.Take(corpus, order, CancellationToken.None);
                return claim.Items.Count == order.Count;
            },
            () => claims.ReleaseUncharged(claim!, CancellationToken.None));
    }

    private static async Task<List<double>> Time(int count, Func<Task<bool>> act, Func<Task>? undo = null)
    {
        var milliseconds = new List<double>();
        for (var i = -WarmUps; i < count; i++)
        {
            var clock = Stopwatch.StartNew();
            var found = await act();
            if (i >= 0)
            {
                milliseconds.Add(clock.Elapsed.TotalMilliseconds);
            }

            await (undo?.Invoke() ?? Task.CompletedTask);
            if (!found)
            {
                throw new InvalidOperationException("Nothing was found although items are pending.");
            }
        }

        return milliseconds;
    }
}

internal sealed record PlanningLatencies(int Pending, IReadOnlyList<double> Plans, IReadOnlyList<double> Claims);
