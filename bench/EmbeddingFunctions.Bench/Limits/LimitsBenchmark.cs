using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Hosting;
using EmbeddingFunctions.Resilience;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmbeddingFunctions.Bench.Limits;

/// <summary>
/// The shared limits alone, without a provider: the permits that four limiters get, each with connections of its own as in a process of its
/// own, and the cost of a permit.
/// </summary>
internal static class LimitsBenchmark
{
    private const int Processes = 4;
    private const int Callers = 32;

    // Of the limit, while the time of a permit is measured: so few that none waits for another.
    private const double PacedShare = 0.25;

    private static readonly int[] _limits = [600, 10_000, 60_000];
    private static readonly TimeSpan _warmUp = TimeSpan.FromSeconds(3);

    public static async Task Run(Sizes sizes, Report report)
    {
        var steady = sizes.Steady / 4;
        report.Note($"{Processes} limiters with {Callers} callers each; counted for {steady.TotalSeconds:0} s; medians of {sizes.Runs}.\n");
        await using var database = await BenchDatabase.Create(BenchCorpus.Plain, 1, 1, 100, hasVectorIndex: false);
        var measured = new List<Cost>();
        for (var run = 0; run < sizes.Runs; run++)
        {
            foreach (var limit in _limits)
            {
                measured.Add(await Measure(database, limit, steady));
            }
        }

        report.Table(
            ["requests a minute", "used", "CPU ms a permit", "Postgres's CPU ms", "statements", "ms, median", "ms, p95"],
            measured.GroupBy(cost => cost.Limit).Select(costs =>
            {
                string Median(Func<Cost, double> figure, string format) =>
                    costs.Select(figure).Median().ToString(format, CultureInfo.InvariantCulture);
                return new[]
                {
                    $"{costs.Key:N0}", $"{Median(cost => cost.Use, "N1")} %",
                    Median(cost => cost.Cpu, "N2"), Median(cost => cost.DatabaseCpu, "N2"), Median(cost => cost.Statements, "N1"),
                    Median(cost => cost.Median, "N1"), Median(cost => cost.Percentile95, "N1"),
                };
            }));
        var use = measured.Where(cost => cost.Limit == 10_000).Select(cost => cost.Use).Median();
        report.Add(Goal.AtLeast("shared limits: use of 10,000 requests a minute", 95, use, " %", 1));
    }

    private static async Task<Cost> Measure(BenchDatabase database, int limit, TimeSpan steady)
    {
        await database.Execute("DELETE FROM embedding.limiters");
        var sources = Enumerable.Range(0, Processes).Select(_ => Database.Open(database.ConnectionString)).ToList();
        var services = sources.Select(source => Services(source, limit)).ToList();
        var models = services.Select(service => service.GetRequiredService<SharedRateLimiter>().Of("model")).ToList();
        var (permits, milliseconds) = (0, new ConcurrentQueue<double>());

        using (var ending = new CancellationTokenSource(_warmUp + steady))
        {
            var calling = models.SelectMany(model => Enumerable.Range(0, Callers).Select(_ => CallAlways(model, ending.Token))).ToList();
            await Task.Delay(_warmUp);
            var before = (Permits: Volatile.Read(ref permits), Cpu: Cpu(), Database: await Load(database), At: Stopwatch.GetTimestamp());
            await Task.WhenAll(calling);
            var (given, seconds) = (permits - before.Permits, Stopwatch.GetElapsedTime(before.At).TotalSeconds);
            var (cpu, load) = (Cpu() - before.Cpu, await Load(database));

            await Task.Delay(_warmUp * 2);
            using var pacing = new CancellationTokenSource(steady);
            var interval = TimeSpan.FromMinutes(1) * Processes / (limit * PacedShare);
            await Task.WhenAll(models.Select((model, number) => CallPaced(model, interval * number / Processes, interval, pacing.Token)));
            foreach (var (service, source) in services.Zip(sources))
            {
                await service.DisposeAsync();
                await source.DisposeAsync();
            }

            return new Cost(
                limit, given * 100 / (seconds / 60 * limit), cpu * 1_000 / given, (load.Cpu - before.Database.Cpu) * 1_000 / given,
                (load.Statements - before.Database.Statements) / (double)given, milliseconds.Median(), milliseconds.Percentile(95));
        }

        async Task CallAlways(ModelLimiter model, CancellationToken cancellation)
        {
            try
            {
                while (true)
                {
                    await model.Call(1, isInteractive: false, () => Task.FromResult(Interlocked.Increment(ref permits)), cancellation);
                }
            }
            catch (OperationCanceledException)
            {
                // The time is over.
            }
        }

        async Task CallPaced(ModelLimiter model, TimeSpan offset, TimeSpan interval, CancellationToken cancellation)
        {
            try
            {
                await Task.Delay(offset, cancellation);
                while (true)
                {
                    var asked = Stopwatch.GetTimestamp();
                    await model.Call(1, isInteractive: false, () => Task.FromResult(1), cancellation);
                    var elapsed = Stopwatch.GetElapsedTime(asked);
                    milliseconds.Enqueue(elapsed.TotalMilliseconds);
                    await Task.Delay(elapsed < interval ? interval - elapsed : TimeSpan.Zero, cancellation);
                }
            }
            catch (OperationCanceledException)
            {
                // The time is over.
            }
        }
    }

    private static ServiceProvider Services(NpgsqlDataSource database, int limit) => new ServiceCollection()
        .AddEmbeddings(BenchDatabase.Settings(BenchCorpus.Plain, "http://127.0.0.1:1/v1/", 1) with { RequestsPerMinute = limit }, database)
        .BuildServiceProvider();

    private static double Cpu() => Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds;

    private static async Task<(double Cpu, long Statements)> Load(BenchDatabase database)
    {
        var backends = await database.Ask<int[]>(
            "SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
        var statements = await database.Ask<long>("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()");
        return (backends!.Sum(DatabaseCpu.Of), statements);
    }

    private sealed record Cost(
        int Limit, double Use, double Cpu, double DatabaseCpu, double Statements, double Median, double Percentile95);
}
