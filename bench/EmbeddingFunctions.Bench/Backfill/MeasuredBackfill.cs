using System.Diagnostics;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Bench.Backfill;

/// <summary>The process that is measured: a backfill as a host runs it, and nothing else.</summary>
internal static class MeasuredBackfill
{
    public const string Command = "measured-backfill";

    /// <summary>
    /// Items embedded before measuring begins: by then the code is compiled, the connections are open, and the provider is known to answer.
    /// </summary>
    public const int WarmUp = 2_000;

    private const double Megabyte = 1 << 20;

    public static Task<BackfillResult> Measure(BenchDatabase database, string baseUrl, int concurrency) =>
        ChildProcess.Ask<BackfillOrder, BackfillResult>(
            Command, new BackfillOrder(database.ConnectionString, database.Corpus.File, database.Corpus.Name, baseUrl, concurrency));

    public static async Task<BackfillResult> Run(BackfillOrder order)
    {
        var corpus = BenchCorpus.Named(order.Corpus);
        await using var database = await Database.Open(order.Database, CancellationToken.None);
        await using var services = new ServiceCollection()
            .AddEmbeddings(BenchDatabase.Settings(corpus, order.BaseUrl, order.Concurrency), database).BuildServiceProvider();
        await services.GetRequiredService<ResolvedCorpora>().Get(order.Corpus, CancellationToken.None);
        var engine = services.GetRequiredService<InProcessEngine>();

        var request = new RunRequest(order.Corpus, [], Concurrency: services.GetRequiredService<EmbeddingSettings>().BatchesInFlight);
        await engine.Run(request with { Limit = WarmUp }, null, CancellationToken.None);

        var start = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        var outcome = await engine.Run(request, null, CancellationToken.None);
        clock.Stop();
        var used = Environment.CpuUsage.TotalTime - start;

        if (outcome.Status != RunStatus.Completed || outcome.Counts.Embedded != outcome.ItemsTotal)
        {
            throw new InvalidOperationException($"The backfill was not whole: {outcome}");
        }

        using var process = Process.GetCurrentProcess();
        return new BackfillResult(
            outcome.Counts.Embedded, outcome.Counts.Requests, clock.Elapsed.TotalSeconds, used.TotalSeconds, start.TotalSeconds,
            process.PeakWorkingSet64 / Megabyte, GC.GetTotalAllocatedBytes() / Megabyte, GC.CollectionCount(2));
    }
}
