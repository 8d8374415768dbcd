using EmbeddingFunctions.Bench.Reports;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Bench.Search;

/// <summary>Known-item search: whether an item's title finds its body, by words, by meaning, and by both.</summary>
internal static class RelevanceBenchmark
{
    private const int Depth = 10;

    public static async Task Run(Sizes sizes, Report report)
    {
        RelevanceData? found;
        try
        {
            found = await RelevanceData.Create(sizes.RelevanceItems);
        }
        catch (ProviderException e)
        {
            report.Note($"Skipped: the local model does not run here. {e.Message}");
            return;
        }

        if (found is null)
        {
            report.Note("Skipped: the repository's texts are not beside it, in ../shared/data.");
            return;
        }

        await using var data = found;
        var rows = new List<IReadOnlyList<string>>();
        foreach (var kind in new[] { RelevanceData.Document, RelevanceData.PullRequest })
        {
            var items = data.Items.Where(item => item.Kind == kind).ToList();
            var queries = Queries(items, sizes.RelevanceQueries);
            var measured = new Dictionary<SearchMode, Ranks>();
            foreach (var mode in new[] { SearchMode.Text, SearchMode.Vector, SearchMode.Hybrid })
            {
                measured[mode] = await Ask(data.Search, mode, queries);
                rows.Add(
                    [$"{kind}, {mode.ToString().ToLowerInvariant()}", $"{items.Count:N0}", $"{queries.Count:N0}",
                        $"{measured[mode].Reciprocal:N3}", $"{measured[mode].Recall:N3}"]);
            }

            report.Add(Goal.AtLeast(
                $"{kind}: MRR@{Depth} of hybrid against the better list", Math.Max(
                    measured[SearchMode.Text].Reciprocal, measured[SearchMode.Vector].Reciprocal),
                measured[SearchMode.Hybrid].Reciprocal, "", 3));
            report.Add(Goal.AtLeast(
                $"{kind}: recall@{Depth} of hybrid against the better list", Math.Max(
                    measured[SearchMode.Text].Recall, measured[SearchMode.Vector].Recall),
                measured[SearchMode.Hybrid].Recall, "", 3));
        }

        report.Table(["searched, by", "items", "queries", $"MRR@{Depth}", $"recall@{Depth}"], rows);
    }

    // Titles that name one item only, in words rather than as a file: spread over all items.
    private static List<RelevanceData.Item> Queries(List<RelevanceData.Item> items, int most)
    {
        var named = items.GroupBy(item => item.Title, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() == 1)
            .Select(group => group.Single()).Where(item => item.Title.Contains(' ', StringComparison.Ordinal)).ToList();
        var step = Math.Max(1, (double)named.Count / most);
        return Enumerable.Range(0, Math.Min(most, named.Count)).Select(i => named[(int)(i * step)]).ToList();
    }

    private static async Task<Ranks> Ask(ISearch search, SearchMode mode, List<RelevanceData.Item> queries)
    {
        var (reciprocal, recalled) = (0.0, 0);
        foreach (var item in queries)
        {
            var answer = await search.SearchAsync(new SearchRequest
            {
                Corpus = "texts",
                Query = item.Title,
                Mode = mode,
                Kinds = [item.Kind],
                Limit = Depth,
                Exact = true,
            });
            if (answer.Results.FirstOrDefault(result => result.Id == $"{item.Id}") is { } hit)
            {
                reciprocal += 1.0 / (answer.Results.ToList().IndexOf(hit) + 1);
                recalled++;
            }
        }

        return new Ranks(reciprocal / queries.Count, (double)recalled / queries.Count);
    }

    private sealed record Ranks(double Reciprocal, double Recall);
}
