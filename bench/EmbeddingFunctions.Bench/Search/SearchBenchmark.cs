using System.Diagnostics;
using System.Text.Json;
using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Bench.Search;

/// <summary>How long searches take without the provider, and whether all that there is comes back.</summary>
internal static class SearchBenchmark
{
    private const int Distinct = 50;

    public static async Task Run(Sizes sizes, Report report)
    {
        var size = sizes.Search;
        report.Note(
            $"{size.Rows:N0} rows, {size.Type} of {size.Dimensions:N0} dimensions, ten results each; {sizes.Searches} searches of "
                + $"{Distinct} vectors and texts in turn, in milliseconds.\n");
        await using var data = await SearchData.Create(size);
        var random = new Random(7);
        var requests = Enumerable.Range(0, Distinct).Select(_ => new SearchRequest
        {
            Corpus = "notes",
            Vector = Enumerable.Range(0, size.Dimensions).Select(_ => (float)(random.NextDouble() - 0.5)).ToList(),
            Query = $"word{random.Next(1_000)} word{random.Next(1_000)} word{random.Next(200)}",
        }).ToList();
        var rows = new List<(string What, int Existing, Timed Timed)>();
        var bare = await Bare(data, requests, sizes.Searches);
        foreach (var (what, existing, change) in Kinds(size))
        {
            rows.Add((what, existing, await Time(data, requests.Select(change).ToList(), sizes.Searches)));
        }

        report.Table(
            ["what", "p50", "p95", "p99", "rows returned", "of"],
            rows.Select(row => new[]
            {
                row.What, $"{row.Timed.Times.Median():N1}", $"{row.Timed.Times.Percentile(95):N1}", $"{row.Timed.Times.Percentile(99):N1}",
                $"{row.Timed.Fewest}", $"{Math.Min(10, row.Existing)}",
            }).Append(
                ["the two bare statements", $"{bare.Median():N1}", $"{bare.Percentile(95):N1}", $"{bare.Percentile(99):N1}", "", ""]));
        var hybrid = rows[0].Timed.Times;
        var (one, eight) = (await Rate(data, requests, 1), await Rate(data, requests, 8));
        report.Note($"Hybrid searches a second: {one:N0} by one caller, {eight:N0} by eight.");
        report.Add(Goal.AtMost("hybrid search, p95", size.Rows > 100_000 ? 60 : 25, hybrid.Percentile(95), " ms", 1));
        report.Add(Goal.AtMost("hybrid search, over the two bare statements", 2, hybrid.Median() - bare.Median(), " ms", 1));
        report.Add(Goal.AtMost(
            "a threshold that nothing meets, against the plain search", 1.5,
            rows.Single(row => row.What.StartsWith("a threshold", StringComparison.Ordinal)).Timed.Times.Median()
                / rows.Single(row => row.What == "by meaning").Timed.Times.Median(), " x", 2));
        report.Add(Goal.AtMost(
            "rows that a filter costs", 0,
            rows.Where(row => row.Existing > 0).Sum(row => Math.Min(10, row.Existing) - row.Timed.Fewest)));
    }

    private static IEnumerable<(string What, int Existing, Func<SearchRequest, SearchRequest> Change)> Kinds(SearchSize size)
    {
        static SearchRequest Meaning(SearchRequest request) => request with { Query = null, Mode = SearchMode.Vector };
        static SearchFilter Is(string column, int value) => new() { Column = column, EqualTo = JsonSerializer.SerializeToElement(value) };
        yield return ("hybrid", size.Rows, request => request);
        yield return ("by meaning", size.Rows, Meaning);
        yield return ("by words", 0, request => request with { Vector = null, Mode = SearchMode.Text });
        yield return ("a threshold that nothing meets", 0, request => Meaning(request) with { MinSimilarity = 0.999 });
        foreach (var (what, column, existing) in new[]
        {
            ("50 %", "half", size.Rows / 2), ("5 %", "twentieth", size.Rows / 20), ("0.1 %", "thousandth", size.Rows / 1_000),
            ("a tenant of ten rows", "tenant", 10),
        })
        {
            yield return ($"by meaning, {what}", existing, request => Meaning(request) with { Where = [Is(column, 0)] });
            yield return ($"hybrid, {what}", existing, request => request with { Where = [Is(column, 0)] });
        }
    }

    private static async Task<Timed> Time(SearchData data, IReadOnlyList<SearchRequest> requests, int count)
    {
        var (times, fewest) = (new List<double>(), int.MaxValue);
        for (var i = -Distinct; i < count; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            var answer = await data.Search.SearchAsync(requests[(i + Distinct) % Distinct]);
            if (i >= 0)
            {
                times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                fewest = Math.Min(fewest, answer.Results.Count);
            }
        }

        return new Timed(times, fewest);
    }

    // What a person would write: a list each of a hundred candidates, and nothing else.
    private static async Task<List<double>> Bare(SearchData data, IReadOnlyList<SearchRequest> requests, int count)
    {
        var times = new List<double>();
        await using var connection = await data.Database.Source.OpenConnectionAsync();
        for (var i = -Distinct; i < count; i++)
        {
            var request = requests[(i + Distinct) % Distinct];
            var begun = Stopwatch.GetTimestamp();
            await using var batch = connection.CreateBatch();
            foreach (var (sql, value) in new (string, object)[]
            {
                ("SELECT set_config('hnsw.ef_search', '100', true), set_config('hnsw.iterative_scan', 'strict_order', true), $1::int", 0),
                ("""
                 SELECT id, embedding <=> $1::real[]::vector FROM embedding.vectors_notes_note
                 ORDER BY embedding <=> $1::real[]::vector LIMIT 100
                 """, request.Vector!.ToArray()),
                ("""
                 SELECT id, ts_rank(words, q) FROM embedding.words_notes_note, websearch_to_tsquery('english', replace($1, ' ', ' or ')) q
                 WHERE words @@ q ORDER BY 2 DESC LIMIT 100
                 """, request.Query!),
            })
            {
                batch.BatchCommands.Add(new Npgsql.NpgsqlBatchCommand(sql) { Parameters = { new() { Value = value } } });
            }

            await using (var reader = await batch.ExecuteReaderAsync())
            {
                do
                {
                    while (await reader.ReadAsync())
                    {
                    }
                }
                while (await reader.NextResultAsync());
            }

            if (i >= 0)
            {
                times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
        }

        return times;
    }

    private static async Task<double> Rate(SearchData data, IReadOnlyList<SearchRequest> requests, int callers)
    {
        var (done, clock) = (0, Stopwatch.StartNew());
        await Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
        {
            for (var i = caller; clock.Elapsed < TimeSpan.FromSeconds(5); i++)
            {
                await data.Search.SearchAsync(requests[i % Distinct]);
                Interlocked.Increment(ref done);
            }
        }));
        return done / clock.Elapsed.TotalSeconds;
    }

    private sealed record Timed(IReadOnlyList<double> Times, int Fewest);
}
