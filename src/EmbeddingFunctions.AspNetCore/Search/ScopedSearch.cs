using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Search for callers over a network: within what they may see, and within a time.</summary>
internal sealed class ScopedSearch(CorpusSet corpora, ISearch search)
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(15);

    /// <summary>As <see cref="ISearch.SearchAsync"/>.</summary>
    /// <exception cref="SearchForbiddenException">The request names what its scope does not show.</exception>
    /// <exception cref="SearchUnavailableException">It took too long, or the query has no vector.</exception>
    public Task<SearchResponse> Search(SearchRequest request, CancellationToken cancellation)
    {
        Ensure(request.Scope!, request.Corpus, request.Partition);
        return InTime(c => search.SearchAsync(request, c), cancellation);
    }

    /// <summary>As <see cref="ISearch.EmbedAsync"/>, with the same exceptions.</summary>
    public Task<QueryVector> Embed(string corpus, string query, SearchScope scope, CancellationToken cancellation)
    {
        Ensure(scope, corpus, null);
        return InTime(c => search.EmbedAsync(corpus, query, scope, c), cancellation);
    }

    /// <returns>The corpora that are migrated, and that the scope shows.</returns>
    public async Task<IReadOnlyList<SearchableCorpus>> Describe(SearchScope scope, CancellationToken cancellation)
    {
        var found = new List<SearchableCorpus>();
        foreach (var name in corpora.Declared.Select(corpus => corpus.Name).Where(name => scope.Corpora?.Contains(name) != false))
        {
            try
            {
                var corpus = await search.DescribeAsync(name, scope, cancellation);
                if (scope.Partitions is null || corpus.HasPartitions)
                {
                    found.Add(corpus);
                }
            }
            catch (Exception e) when (e is DatabaseNotReadyException or NotFoundException)
            {
                // Declared, but not to be searched here.
            }
        }

        return found;
    }

    // Before the database is asked, so that the words are the same whether a corpus or partition is there or not.
    private static void Ensure(SearchScope scope, string corpus, string? partition)
    {
        if (scope.Corpora?.Contains(corpus) == false)
        {
            throw new SearchForbiddenException($"You may search the corpora {string.Join(", ", scope.Corpora)}, and not '{corpus}'.");
        }

        if (partition is not (null or SearchStatement.AnyPartition) && scope.Partitions?.Contains(partition) == false)
        {
            throw new SearchForbiddenException(
                $"You may search the partitions {string.Join(", ", scope.Partitions)}, and not '{partition}'.");
        }
    }

    private static async Task<T> InTime<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        ending.CancelAfter(_patience);
        try
        {
            return await work(ending.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new SearchUnavailableException(
                $"The search was ended after {_patience.TotalSeconds} seconds: leave out 'exact', filter otherwise, or try again.", e);
        }
    }
}

/// <summary>A caller asked for what it may not see.</summary>
internal sealed class SearchForbiddenException(string message) : Exception(message);
