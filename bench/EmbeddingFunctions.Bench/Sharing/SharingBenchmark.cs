using System.Diagnostics;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;

namespace EmbeddingFunctions.Bench.Sharing;

/// <summary>
/// Several processes, one provider: how much of its limit they use together, what the cache gives, and what they pay twice.
/// </summary>
internal static class SharingBenchmark
{
    private const int RequestsPerMinute = 1_200;
    private const int Workers = 4;
    private const int Characters = 200;
    private const int Unlimited = 10_000_000;

    private static readonly TimeSpan _warmUp = TimeSpan.FromSeconds(10);

    public static async Task Run(Sizes sizes, Report report)
    {
        var stores = new List<(string Name, string? Redis)> { ("Postgres", null) };
        if (Environment.GetEnvironmentVariable("TEST_REDIS_URL") is { Length: > 0 } redis)
        {
            stores.Add(("Redis", redis));
        }

        await UseOfLimit(sizes, report);
        await CacheSpeed(sizes, report, stores);
        await SingleFlight(report);
    }

    private static async Task UseOfLimit(Sizes sizes, Report report)
    {
        report.Note(
            $"{Workers} processes with 8 requests in flight each, {RequestsPerMinute:N0} requests a minute allowed to all of them; the "
                + $"provider counts rolling minutes and refuses what is over. Counted for {sizes.Steady.TotalSeconds:0} s, the first "
                + $"{_warmUp.TotalSeconds:0} s left out.\n");
        await using var fake = await FakeServer.Start("--rpm", $"{RequestsPerMinute}");
        var items = (int)((_warmUp + sizes.Steady + TimeSpan.FromSeconds(5)).TotalMinutes * RequestsPerMinute * ProviderAlone.BatchSize);
        await using var database = await BenchDatabase.Create(BenchCorpus.Plain, items, 40, Characters, hasVectorIndex: false);
        var workers = StartAll(Workers, database, fake, RequestsPerMinute, redis: null);
        await Task.Delay(_warmUp);
        var (before, watch) = (await fake.Audit(), Stopwatch.StartNew());
        await Task.Delay(sizes.Steady);
        var (after, minutes) = (await fake.Audit(), watch.Elapsed.TotalMinutes);
        await Task.WhenAll(workers);
        var end = await fake.Audit();

        var use = (after.Requests - before.Requests) * 100 / (minutes * RequestsPerMinute);
        var refused = end.Statuses.GetValueOrDefault("429") * 100d / end.Requests;
        report.Add(Goal.AtLeast("shared limit: use", 95, use, " %", 1));
        report.Add(Goal.AtMost("shared limit: requests refused", 0.1, refused, " %", 2));
        report.Table(
            ["requests in that time", "use", "requests in all", "refused"],
            [
                [
                    $"{after.Requests - before.Requests:N0}", $"{use:N1} %", $"{end.Requests:N0}",
                    $"{end.Statuses.GetValueOrDefault("429"):N0}"]]);
    }

    private static async Task CacheSpeed(Sizes sizes, Report report, IEnumerable<(string Name, string? Redis)> stores)
    {
        report.Note(
            $"{sizes.Items:N0} items of {Characters} characters by one process with 8 requests in flight: paid for, and again after every "
                + "vector was cleared.\n");
        var rows = new List<string[]>();
        foreach (var (name, redis) in stores)
        {
            await using var fake = await FakeServer.Start();
            await using var database = await BenchDatabase.Create(BenchCorpus.Plain, sizes.Items, 40, Characters, hasVectorIndex: false);
            var paid = await StartAll(1, database, fake, Unlimited, redis)[0];
            await database.Execute("UPDATE documents SET embedding = NULL, embedding_rule = NULL, content_hash = NULL");
            await database.Execute("DELETE FROM embedding.start_slots");
            var cached = await StartAll(1, database, fake, Unlimited, redis)[0];
            rows.Add(
                [
                    name, $"{paid.Embedded / paid.Seconds:N0}", $"{cached.Embedded / cached.Seconds:N0}",
                    $"{paid.Seconds / cached.Seconds:N1} x", $"{cached.Cached:N0} of {cached.Embedded:N0}"]);
        }

        report.Table(["cache in", "rows/s paid for", "rows/s from the cache", "ratio", "found"], rows);
    }

    private static async Task SingleFlight(Report report)
    {
        const int Copies = 8;
        const int Texts = 500;
        await using var fake = await FakeServer.Start();
        await using var database = await BenchDatabase.Create(BenchCorpus.Plain, Copies * Texts, Copies, Characters, hasVectorIndex: false);
        await database.Execute(
            $"UPDATE documents t SET title = 'title', body = 'text ' || n.place % {Texts} FROM (SELECT id, row_number() OVER (ORDER BY "
                + "id) AS place FROM documents) n WHERE n.id = t.id");
        var before = await fake.Audit();
        var results = await Task.WhenAll(StartAll(8, database, fake, Unlimited, redis: null));
        var after = await fake.Audit();
        var paid = after.PaidInputs - before.PaidInputs;
        report.Note(
            $"8 processes, {Copies * Texts:N0} items of {Texts:N0} different texts at the same time: {results.Sum(r => r.Embedded):N0} "
                + $"embedded, {paid:N0} inputs paid for, {results.Max(r => r.Seconds):N1} s.\n");
        report.Add(Goal.AtMost("single flight: inputs paid for above the different texts", 0, paid - Texts));
    }

    private static List<Task<SharingResult>> StartAll(
        int workers, BenchDatabase database, FakeServer fake, int requestsPerMinute, string? redis) =>
        Enumerable.Range(0, workers).Select(_ => ChildProcess.Ask<SharingOrder, SharingResult>(
            SharingWorker.Command, new SharingOrder(database.ConnectionString, fake.BaseUrl, 8, requestsPerMinute, redis))).ToList();
}
