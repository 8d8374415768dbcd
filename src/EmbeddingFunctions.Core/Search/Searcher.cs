namespace EmbeddingFunctions.Search;

internal sealed class Searcher : ISearch
{
    public Task<SearchResponse> SearchAsync(SearchRequest request, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<SearchResult>> GetAsync(ItemsRequest request, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<QueryVector> EmbedAsync(string corpus, string query, SearchScope? scope, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<SearchableCorpus> DescribeAsync(string corpus, SearchScope? scope, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
