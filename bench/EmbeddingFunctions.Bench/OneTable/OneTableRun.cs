using System.Diagnostics;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Bench.OneTable;

/// <summary>A backfill by the engine in a process of its own, from a cold start.</summary>
internal static class OneTableRun
{
    public const string Command = "one-table";

    public static async Task<LoopResult> Run(LoopOrder order)
    {
        var corpus = BenchCorpus.Named(order.Corpus);
        await using var database = await Database.Open(order.Database, CancellationToken.None);
        await using var services = new ServiceCollection()
            .AddEmbeddings(BenchDatabase.Settings(corpus, order.BaseUrl, order.InFlight), database).BuildServiceProvider();
        var clock = Stopwatch.StartNew();
        var outcome = await services.GetRequiredService<InProcessEngine>().Run(
            new RunRequest(
                order.Corpus, [], Concurrency: services.GetRequiredService<EmbeddingSettings>().BatchesInFlight,
                BatchSize: order.BatchSize),
            null, CancellationToken.None);
        return outcome.Status == RunStatus.Completed && outcome.Counts.Embedded == outcome.ItemsTotal
            ? new LoopResult(outcome.Counts.Embedded, clock.Elapsed.TotalSeconds, Environment.CpuUsage.TotalTime.TotalSeconds)
            : throw new InvalidOperationException($"The backfill was not whole: {outcome}");
    }
}
