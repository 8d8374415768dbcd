using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using EmbeddingFunctions.AspNetCore;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;
using ModelContextProtocol;
using ModelContextProtocol.Server;

namespace EmbeddingFunctions.Cli.Mcp;

/// <summary>What an agent may do: search, and nothing that changes anything.</summary>
/// <param name="search">Searches.</param>
/// <param name="status">Counts.</param>
/// <param name="resolved">Repeats what another generation of vectors came between.</param>
/// <param name="scope">What the caller of the present request may see.</param>
internal sealed class SearchTools(ScopedSearch search, SwitchedStatus status, ResolvedCorpora resolved, Func<SearchScope> scope)
{
    private const string CorpusHelp = "The corpus's name, as corpus_status lists it; may be left out if there is one.";
    private const string KindsHelp = "Only items of these kinds, as corpus_status lists them.";
    private const string PartitionHelp = "Only items of this partition (tenant).";
    private const string WhereHelp = "Only items whose columns meet all of these, like 'state=open', 'number>=5' or 'state!=closed'; "
        + "corpus_status lists the columns.";
    private const string MinHelp = "Only items whose cosine similarity is at least this.";

    [McpServerTool(
        Name = "search", Title = "Search rows", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Finds rows of a database by meaning and by words. 'similarity' is the cosine, 0 to 1; 'vectorRank' and 'textRank' are "
        + "the places by meaning and by words; 'score' only orders the results. As many results come as there are, up to the limit.")]
    public async Task<SearchResponse> Search(
        [Description("A question or words, in plain language.")] string query,
        [Description(CorpusHelp)] string? corpus = null,
        [Description("hybrid: by meaning and words; vector: by meaning; text: by words.")] SearchMode mode = SearchMode.Hybrid,
        [Description(KindsHelp)] string[]? kinds = null,
        [Description(PartitionHelp)] string? partition = null,
        [Description(WhereHelp)] string[]? where = null,
        [Description("The most results."), Range(1, 100)] int limit = 10,
        [Description(MinHelp), Range(0, 1)] double? minSimilarity = null,
        [Description("The 'next' of the page before.")] string? cursor = null,
        [Description("Columns whose values the results have.")] string[]? columns = null,
        CancellationToken cancellation = default) =>
        await Ask(new SearchRequest
        {
            Corpus = await Corpus(corpus, cancellation),
            Query = query,
            Mode = mode,
            Kinds = kinds ?? [],
            Partition = partition,
            Where = Conditions(where),
            Limit = limit,
            MinSimilarity = minSimilarity,
            Cursor = cursor,
            Columns = columns,
        }, cancellation);

    [McpServerTool(
        Name = "similar_items", Title = "Similar rows", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Finds rows that are like a row, without the row itself and its copies.")]
    public async Task<SearchResponse> Similar(
        [Description("The row's kind, as a result of search has it.")] string kind,
        [Description("The row's id, as a result of search has it.")] string id,
        [Description(CorpusHelp)] string? corpus = null,
        [Description(KindsHelp)] string[]? kinds = null,
        [Description(PartitionHelp)] string? partition = null,
        [Description("The most results."), Range(1, 100)] int limit = 10,
        [Description(MinHelp), Range(0, 1)] double? minSimilarity = null,
        CancellationToken cancellation = default) =>
        await Ask(new SearchRequest
        {
            Corpus = await Corpus(corpus, cancellation),
            Item = new ItemKey(kind, id),
            Kinds = kinds ?? [],
            Partition = partition,
            Limit = limit,
            MinSimilarity = minSimilarity,
        }, cancellation);

    [McpServerTool(
        Name = "corpus_status", Title = "Corpora", ReadOnly = true, Idempotent = true, OpenWorld = false, UseStructuredContent = true)]
    [Description("Lists the corpora that can be searched: their kinds, the columns that conditions may name, and how many rows have "
        + "vectors.")]
    public async Task<CorporaForAgents> Status(
        [Description("Only this corpus.")] string? corpus = null, CancellationToken cancellation = default)
    {
        var shown = await search.Describe(scope(), cancellation);
        var asked = corpus is null ? shown : shown.Where(one => one.Corpus == corpus).ToList();
        return asked.Count > 0 || corpus is null
            ? new CorporaForAgents(await Task.WhenAll(asked.Select(one => Count(one, cancellation))))
            : throw new McpException(NoSuch(corpus, shown));
    }

    // The counts are of all partitions, so a key of some of them is shown none.
    private async Task<CorpusForAgents> Count(SearchableCorpus corpus, CancellationToken cancellation)
    {
        var counts = scope().Partitions is null ? (await status.Of(corpus.Corpus, cancellation)).Kinds : [];
        return new CorpusForAgents(corpus.Corpus, corpus.Model, corpus.Dimensions, corpus.HasPartitions, corpus.Kinds.Select(kind =>
        {
            var coverage = counts.FirstOrDefault(one => one.Kind == kind.Kind);
            return new KindForAgents(kind.Kind, kind.HasText, kind.Columns, coverage?.Total, coverage?.Embedded, coverage?.Pending);
        }).ToList());
    }

    private Task<SearchResponse> Ask(SearchRequest request, CancellationToken cancellation) => resolved.Fitting(
        () => search.Search(request with { Scope = scope() }, cancellation), cancellation);

    private async Task<string> Corpus(string? named, CancellationToken cancellation)
    {
        if (named is not null)
        {
            return named;
        }

        var shown = await search.Describe(scope(), cancellation);
        return shown is [var only] ? only.Corpus
            : throw new McpException(
                shown.Count == 0 ? NoSuch(null, shown) : $"Name a corpus: {string.Join(", ", shown.Select(one => one.Corpus))}.");
    }

    private static string NoSuch(string? corpus, IReadOnlyList<SearchableCorpus> shown) => shown.Count == 0
        ? "No corpus can be searched here: 'embeddings migrate CORPUS' and 'embeddings backfill CORPUS' make one ready."
        : $"There is no corpus '{corpus}' to be searched here; there are: {string.Join(", ", shown.Select(one => one.Corpus))}.";

    private static SearchFilter[] Conditions(string[]? where) => (where ?? []).Select(text =>
        SearchQuery.Condition(text) is Dictionary<string, string> condition
            ? JsonSerializer.SerializeToElement(condition).Deserialize<SearchFilter>(JsonSerializerOptions.Web)!
            : throw new McpException($"'{text}' in where is no condition: write it like 'state=open', 'number>=5' or 'state!=closed'."))
        .ToArray();
}

/// <summary>What can be searched.</summary>
internal sealed record CorporaForAgents(IReadOnlyList<CorpusForAgents> Corpora);

/// <summary>A corpus.</summary>
internal sealed record CorpusForAgents(
    string Corpus, string Model, int Dimensions, bool HasPartitions, IReadOnlyList<KindForAgents> Kinds);

/// <summary>A kind, with its counts where the caller may know them.</summary>
internal sealed record KindForAgents(
    string Kind, bool HasText, IReadOnlyDictionary<string, string> Columns, long? Items, long? WithVectors, long? Pending);
