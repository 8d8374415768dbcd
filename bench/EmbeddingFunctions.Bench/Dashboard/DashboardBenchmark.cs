using System.Diagnostics;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Bench.Dashboard;

/// <summary>What each request of the dashboard's pages takes in a database with a long history.</summary>
internal static class DashboardBenchmark
{
    private const int Runs = 10_000;
    private const int BatchesOfRun = 10;
    private const int LongRunBatches = 20_000;
    private const int Warmups = 3;
    private const int Requests = 30;

    private static readonly Guid _longRun = new("00000000-0000-7000-8000-0000000000aa");

    private static readonly string[] _routes =
    [
        "overview", "runs?limit=50", "runs?limit=50&hasWork=true", "runs?limit=50&hasWork=true&status=failed", $"runs/{_longRun}",
        $"runs/{_longRun}/history", "declarations", "failures", "failures/items?corpus=articles&limit=50",
        "failures/items?corpus=articles&kind=articles&reason=reason+7&limit=50", "trends?days=30",
    ];

    public static async Task Run(Sizes sizes, Report report)
    {
        var failures = sizes.Pending.Max() > 100_000 ? 100_000 : 10_000;
        await using var database = await BenchDatabase.Create(BenchCorpus.Articles, failures, 1, 200, hasVectorIndex: false);
        await Fill(database, failures);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var web = builder.Build();
        web.MapEmbeddings(Routes.Host, database.Get<EmbeddingsApi>(), database.Get<BackgroundEngine>());
        await web.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"{web.Urls.First()}/{Routes.Host}/") };

        report.Note(
            $"{failures:N0} failed rows of 500 reasons, {Runs:N0} runs with {Runs * BatchesOfRun:N0} batches and as many requests; "
                + $"{Requests} of each, a second apart from what is shared, in milliseconds.\n");
        var (rows, slowest) = (new List<string[]>(), 0d);
        foreach (var route in _routes)
        {
            var times = await Times(http, route);
            slowest = Math.Max(slowest, times.Percentile(95));
            rows.Add([route.Replace($"{_longRun}", "ID"), $"{times.Median():N1}", $"{times.Percentile(95):N1}"]);
        }

        report.Table(["route", "median", "p95"], rows);
        report.Add(Goal.AtMost("dashboard: slowest request, p95", 200, slowest, " ms"));
    }

    private static async Task<List<double>> Times(HttpClient http, string route)
    {
        var times = new List<double>();
        for (var i = -Warmups; i < Requests; i++)
        {
            // An answer that is shared by all who ask within a second would be measured once.
            await Task.Delay(route == "overview" ? 1_000 : 0);
            var begun = Stopwatch.GetTimestamp();
            using var response = await http.GetAsync(new Uri(route, UriKind.Relative));
            response.EnsureSuccessStatusCode();
            await response.Content.ReadAsByteArrayAsync();
            if (i >= 0)
            {
                times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
        }

        return times;
    }

    private static async Task Fill(BenchDatabase database, int failures)
    {
        await database.Execute(
            $"""
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, attempts, is_dead, reason, failed_at, retry_at)
            SELECT 'articles', 'articles', n::text, '', 1 + n % 3, n % 3 = 2, 'reason ' || n % 500, now() - n * interval '1 second',
                   now() + n % 60 * interval '1 minute'
            FROM   generate_series(0, {failures - 1}) n
            """);
        await database.Execute(
            $"""
            INSERT INTO embedding.jobs (
                id, corpus, kinds, host, status, items_total, items_processed, created_at, started_at, completed_at, due_at)
            SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(1000 + n), 12, '0'))::uuid, 'articles', ARRAY[]::text[], 'server',
                   CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'completed' END, CASE WHEN n % 10 = 0 THEN 1000 ELSE 0 END,
                   CASE WHEN n % 10 = 0 THEN 1000 ELSE 0 END, at, at, at + interval '10 seconds', at
            FROM   generate_series(1, {Runs - 1}) n, LATERAL (SELECT now() - n * interval '10 minutes' AS at) t
            UNION ALL
            SELECT '{_longRun}', 'articles', ARRAY[]::text[], 'server', 'processing', 2000000, 0, now() - interval '1 hour',
                   now() - interval '1 hour', NULL, NULL
            """);
        await database.Execute(
            $"""
            INSERT INTO embedding.batches (id, run_id, kind, partition, claimed, embedded, requests, tokens, finished_at)
            SELECT gen_random_uuid(), j.id, 'articles', '', 100, 100, 1, 20000, j.created_at + b * interval '0.1 second'
            FROM   embedding.jobs j, generate_series(1, CASE WHEN j.id = '{_longRun}' THEN {LongRunBatches} ELSE {BatchesOfRun} END) b
            """);
        await database.Execute(
            """
            INSERT INTO embedding.requests (id, sent_at, run_id, corpus, model, on_batch_lane, inputs, tokens, dollars, outcome)
            SELECT gen_random_uuid(), finished_at, run_id, 'articles', 'text-embedding-3-small', false, 100, 20000, 0.0004,
                   CASE WHEN random() < 0.02 THEN 'refused' ELSE 'answered' END
            FROM   embedding.batches
            """);
        await database.Execute("ANALYZE");
    }
}
