using System.Diagnostics;
using System.Text;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.OneTable;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing.Durable;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Bench.Durable;

/// <summary>A backfill by the app's orchestration, in a process of its own that holds the worker and its task hub.</summary>
internal static class DurableRun
{
    public const string Command = "durable";

    public static async Task<DurableResult> Run(LoopOrder order)
    {
        var corpus = BenchCorpus.Named(order.Corpus);
        await using var database = await Database.Open(order.Database, CancellationToken.None);
        await using var services = new ServiceCollection()
            .AddEmbeddings(BenchDatabase.Settings(corpus, order.BaseUrl, order.InFlight), database).BuildServiceProvider();
        await using var host = await DurableHost.Start(services.GetRequiredService<RunActivities>(), keepsTime: true);
        var clock = Stopwatch.StartNew();
        var run = await services.GetRequiredService<RunScheduler>().Ask(
            host.Engine, new RunRequest(order.Corpus, [], BatchSize: order.BatchSize), eventId: null, CancellationToken.None);
        var end = await host.End(run!.Id);
        clock.Stop();

        var outcome = end.ReadOutputAs<RunOutcome>();
        return outcome is { Status: RunStatus.Completed } && outcome.Counts.Embedded == outcome.ItemsTotal
            ? new DurableResult(
                new LoopResult(outcome.Counts.Embedded, clock.Elapsed.TotalSeconds, Environment.CpuUsage.TotalTime.TotalSeconds),
                host.Backend.Activities, host.Backend.Turns, host.Backend.Timers.Count, host.Backend.Generations,
                host.Backend.Histories.Sum(Encoding.UTF8.GetByteCount))
            : throw new InvalidOperationException($"The backfill was not whole: {outcome}");
    }
}

/// <param name="Loop">What a backfill by any engine has.</param>
/// <param name="Activities">That the hub has handed out.</param>
/// <param name="Turns">How often the orchestration was replayed.</param>
/// <param name="Timers">That it waited for.</param>
/// <param name="Generations">Histories that it had.</param>
/// <param name="HistoryBytes">Of all its histories at their ends, as JSON.</param>
internal sealed record DurableResult(LoopResult Loop, int Activities, int Turns, int Timers, int Generations, int HistoryBytes);
