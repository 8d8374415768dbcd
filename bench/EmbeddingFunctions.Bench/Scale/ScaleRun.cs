using System.Diagnostics;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.OneTable;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Bench.Scale;

/// <summary>A long backfill in a process of its own, with the time at which each tenth of it was done.</summary>
internal static class ScaleRun
{
    public const string Command = "scale";

    private const double Megabyte = 1 << 20;

    public static async Task<ScaleResult> Run(LoopOrder order)
    {
        await using var database = await Database.Open(order.Database, CancellationToken.None);
        await using var services = new ServiceCollection()
            .AddEmbeddings(BenchDatabase.Settings(BenchCorpus.Named(order.Corpus), order.BaseUrl, order.InFlight), database)
            .BuildServiceProvider();
        var (clock, tenths) = (Stopwatch.StartNew(), new List<double>());
        var outcome = await services.GetRequiredService<InProcessEngine>().Run(
            new RunRequest(order.Corpus, [], Concurrency: services.GetRequiredService<EmbeddingSettings>().BatchesInFlight),
            progress =>
            {
                while (tenths.Count < 9 && progress.Counts.Processed >= (tenths.Count + 1) / 10.0 * progress.ItemsTotal)
                {
                    tenths.Add(clock.Elapsed.TotalSeconds);
                }
            },
            CancellationToken.None);
        tenths.Add(clock.Elapsed.TotalSeconds);
        using var process = Process.GetCurrentProcess();
        return outcome.Status == RunStatus.Completed && outcome.Counts.Embedded == outcome.ItemsTotal
            ? new ScaleResult(outcome.Counts.Embedded, tenths, process.PeakWorkingSet64 / Megabyte)
            : throw new InvalidOperationException($"The backfill was not whole: {outcome}");
    }
}

/// <param name="Tenths">Seconds from the beginning until each tenth of the items was done.</param>
internal sealed record ScaleResult(int Items, IReadOnlyList<double> Tenths, double PeakMegabytes);
