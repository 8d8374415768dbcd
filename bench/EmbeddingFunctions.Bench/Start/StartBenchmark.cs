using System.Diagnostics;
using EmbeddingFunctions.Bench.Backfill;
using EmbeddingFunctions.Bench.Data;
using EmbeddingFunctions.Bench.Provider;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Bench.Start;

/// <summary>The published program as a person runs it, from its start to its end.</summary>
internal static class StartBenchmark
{
    private const int Rows = 2_000;

    public static async Task Run(Sizes sizes, Report report)
    {
        var times = sizes.Runs * 3;
        report.Note(
            $"artifacts/embeddings/embeddings; medians of {times}. The backfill: {Rows:N0} rows of about 2,000 characters, 100 ms a "
                + "request, 8 in flight; the provider alone: 20 texts a request.\n");
        await using var fake = await FakeServer.Start();
        await using var database = await Create();
        var (help, status, backfill, alone) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        for (var run = 0; run < times; run++)
        {
            help.Add(await Milliseconds(database, fake, "--help"));
            status.Add(await Milliseconds(database, fake, "status", BenchCorpus.Articles.Name));
            await using var pending = await Create();
            backfill.Add(await Milliseconds(pending, fake, "backfill", BenchCorpus.Articles.Name) / 1_000);
            alone.Add(Rows / await ProviderAlone.Measure(fake, 8, Rows));
        }

        report.Table(
            ["what", "median"],
            [
                ["--help", $"{help.Median():N0} ms"], ["status", $"{status.Median():N0} ms"], ["backfill", $"{backfill.Median():N2} s"],
                ["the provider alone", $"{alone.Median():N2} s"],
            ]);
        report.Add(Goal.AtMost("start: --help", 120, help.Median(), " ms"));
        report.Add(Goal.AtMost("start: status", 300, status.Median(), " ms"));
        report.Add(Goal.AtMost($"start: backfill of {Rows:N0} rows, 8 in flight", 2.2, backfill.Median(), " s", 2));
    }

    private static Task<BenchDatabase> Create() =>
        BenchDatabase.Create(BenchCorpus.Articles, Rows, 1, BackfillBenchmark.Characters, hasVectorIndex: false);

    private static async Task<double> Milliseconds(BenchDatabase database, FakeServer fake, params string[] arguments)
    {
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "embeddings", "embeddings"));
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in new[]
        {
            ("DATABASE_URL", database.ConnectionString), ("CORPORA_FILE", database.Corpus.File), ("OPENAI_BASE_URL", fake.BaseUrl),
            ("OPENAI_API_KEY", FakeOpenAiOptions.DefaultApiKey), ("EMBEDDING_REQUESTS_PER_MINUTE", "10000000"),
            ("EMBEDDING_TOKENS_PER_MINUTE", "2000000000"),
        })
        {
            start.Environment[name] = value;
        }

        var begun = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        var elapsed = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        return process.ExitCode == 0 ? elapsed
            : throw new InvalidOperationException($"{string.Join(' ', arguments)}: {await error}{await output}");
    }
}
