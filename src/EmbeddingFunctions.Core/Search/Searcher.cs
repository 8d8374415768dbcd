using System.Diagnostics;
using System.Text.Json;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;
using Npgsql;

namespace EmbeddingFunctions.Search;

internal sealed class Searcher(
    NpgsqlDataSource database, CorpusSet corpora, Generations generations, ResolvedCorpora resolved, QueryEmbedder embedder,
    TimeProvider time) : ISearch
{
    // As long as resolved tables are trusted.
    private static readonly TimeSpan _trust = TimeSpan.FromSeconds(10);

    private long? _refreshed;

    public async Task<SearchResponse> SearchAsync(SearchRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var begun = Stopwatch.GetTimestamp();
        RequestRules.Check(request);
        var corpus = await Corpus(request.Corpus, request.Scope, cancellationToken);
        var partition = request is { Item: not null, Partition: SearchStatement.AnyPartition } ? null : request.Partition;
        EnsureVisible(corpus, partition, request.Scope);
        RequestRules.Check(corpus, request.Kinds, partition, request.Where, request.Columns);
        var cursor = SearchCursor.Of(request);
        var query = request.Query is null ? null : NormalizedText.Of(request.Query, RequestRules.MostCharacters);
        if (query is "" && request.Vector is null)
        {
            return Nothing(request, cursor, begun);
        }

        try
        {
            return await Answer(request, corpus, query, cursor, begun, cancellationToken);
        }
        catch (PostgresException e) when (SearchStatement.IsOutdated(e))
        {
            // The corpus was switched to another model since its tables were looked up: the query is embedded by that one.
            resolved.Forget(corpus.Corpus.Name);
            _refreshed = null;
            corpus = await Corpus(request.Corpus, request.Scope, cancellationToken);
            return await Answer(request, corpus, query, cursor, begun, cancellationToken);
        }
    }

    public async Task<IReadOnlyList<SearchResult>> GetAsync(ItemsRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Limit is < 1 or > 1_000 || request.Offset is < 0 or > 10_000)
        {
            throw new InvalidSearchException("limit", "limit takes 1 to 1,000, and offset 0 to 10,000.");
        }

        var corpus = await Corpus(request.Corpus, request.Scope, cancellationToken);
        EnsureVisible(corpus, request.Partition, request.Scope);
        RequestRules.Check(corpus, request.Kinds, request.Partition, request.Where, request.Columns);
        if (request.Ids?.Any(id => !RequestRules.IsStorable(id)) == true)
        {
            throw new InvalidSearchException("ids", "An id holds a character that no column has.");
        }

        var answer = await Ask(SearchStatement.Items(request), cancellationToken);
        return SearchAnswer.Results(answer.RootElement, SearchHighlight.None, request.Columns is not null);
    }

    public async Task<QueryVector> EmbedAsync(string corpus, string query, SearchScope? scope, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        var text = NormalizedText.Of(query, RequestRules.MostCharacters);
        if (text is "")
        {
            throw new InvalidSearchException("query", "The query is blank.");
        }

        var found = await Corpus(corpus, scope, cancellationToken);
        return new(found.Model, found.Corpus.Dimensions, (await embedder.Embed(found, text, cancellationToken)).Vector);
    }

    public async Task<SearchableCorpus> DescribeAsync(string corpus, SearchScope? scope, CancellationToken cancellationToken)
    {
        var found = await Corpus(corpus, scope, cancellationToken);
        return new(
            found.Corpus.DeclaredName, found.Model, found.Corpus.Dimensions, found.Tables.Any(table => table.HasPartition),
            found.Tables.Select(table => new SearchableKind(
                table.Kind, table.Search is not null || table.TextSearch is not null,
                table.FilterableColumns.ToDictionary(column => column.Key, column => column.Value.Type))).ToList());
    }

    private async Task<SearchResponse> Answer(
        SearchRequest request, ResolvedCorpus corpus, string? query, SearchCursor cursor, long begun, CancellationToken cancellation)
    {
        var (mode, degraded) = (request.Item is not null || query is null or "" ? SearchMode.Vector : request.Mode, (string?)null);
        EmbeddedQuery? embedded = null;
        if (mode != SearchMode.Text && request.Vector is null && request.Item is null)
        {
            try
            {
                embedded = await embedder.Embed(corpus, query!, cancellation);
            }
            catch (SearchUnavailableException e) when (mode == SearchMode.Hybrid)
            {
                (mode, degraded) = (SearchMode.Text, $"Searched by words only, because {e.Message}.{Unmet(request)}");
            }
        }

        var vector = mode == SearchMode.Text ? null : request.Vector?.ToArray() ?? embedded?.Vector;
        var asked = Stopwatch.GetTimestamp();
        var statement = SearchStatement.Search(request, query, mode, corpus.Model, vector, cursor);
        using var answer = await Ask(statement, cancellation);
        var (root, sql) = (answer.RootElement, Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
        var results = SearchAnswer.Results(root.GetProperty("results"), request.Highlight, request.Columns is not null);
        var next = cursor.After(results.Count);
        return new SearchResponse
        {
            Corpus = corpus.Corpus.DeclaredName,
            Query = request.Query,
            Mode = mode,
            Degraded = degraded ?? Wordless(corpus, request, mode, root),
            Plan = new SearchPlan { Vector = root.Text("vector"), Text = root.Text("text"), Candidates = cursor.Candidates },
            Results = results,
            Next = results.Count == request.Limit && root.GetProperty("found").GetInt32() > next.Offset ? next.Text(request) : null,
            Timings = new SearchTimings
            {
                Embedding = embedded?.Milliseconds ?? 0,
                Cached = embedded?.IsCached ?? false,
                Sql = sql,
                Total = Stopwatch.GetElapsedTime(begun).TotalMilliseconds,
            },
        };
    }

    private static string Unmet(SearchRequest request) =>
        request.MinSimilarity is null ? "" : " No similarity is known, so that minSimilarity was not looked at.";

    // Why a list by words that was asked for is missing, or may lack rows.
    private static string? Wordless(ResolvedCorpus corpus, SearchRequest request, SearchMode mode, JsonElement answer)
    {
        var without = corpus.Tables.Where(table => request.Kinds.Count == 0 || request.Kinds.Contains(table.Kind))
            .Where(table => table.Search is null && table.TextSearch is null).Select(table => table.Kind).ToList();
        return mode == SearchMode.Vector ? null
            : without.Count > 0
                ? $"{string.Join(", ", without)} {(without.Count == 1 ? "has" : "have")} no search by words: declare 'search' for it, and "
                    + $"run 'embeddings migrate {corpus.Corpus.DeclaredName}'."
            : answer.Text("text") is "no words" ? "The query has no words that a search by words looks for."
            : answer.GetProperty("areBehind").GetBoolean() ? "Rows that were just written are found by their words after the next run."
            : null;
    }

    private static SearchResponse Nothing(SearchRequest request, SearchCursor cursor, long begun) => new()
    {
        Corpus = request.Corpus,
        Query = request.Query,
        Mode = request.Mode,
        Degraded = "The query is blank.",
        Plan = new SearchPlan { Candidates = cursor.Candidates },
        Results = [],
        Timings = new SearchTimings { Total = Stopwatch.GetElapsedTime(begun).TotalMilliseconds },
    };

    private async Task<JsonDocument> Ask(SqlText statement, CancellationToken cancellation)
    {
        try
        {
            return JsonDocument.Parse((await database.ScalarAsync<string>(statement, cancellation))!);
        }
        catch (PostgresException e) when (SearchStatement.Translate(e) is { } translated)
        {
            throw translated;
        }
    }

    private async Task<ResolvedCorpus> Corpus(string name, SearchScope? scope, CancellationToken cancellation)
    {
        if (scope?.Corpora?.Contains(name) == false)
        {
            throw new NotFoundException($"There is no corpus '{name}' that may be searched here.");
        }

        // Which generation is the live one is the database's to say.
        if (_refreshed is not { } last || time.GetElapsedTime(last) > _trust)
        {
            await generations.Refresh(cancellation);
            _refreshed = time.GetTimestamp();
        }

        return await resolved.Get(corpora.Live(name).Name, cancellation);
    }

    private static void EnsureVisible(ResolvedCorpus corpus, string? partition, SearchScope? scope)
    {
        if (scope?.Partitions is { } visible
            && (!corpus.Tables.All(table => table.HasPartition) || (partition is not null && !visible.Contains(partition))))
        {
            throw new NotFoundException(
                $"There is no {(partition is null ? "corpus" : "partition")} '{partition ?? corpus.Corpus.DeclaredName}' that may be "
                    + "searched here.");
        }
    }
}
