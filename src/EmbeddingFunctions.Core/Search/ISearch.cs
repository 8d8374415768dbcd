namespace EmbeddingFunctions.Search;

/// <summary>Finds items of a corpus by meaning, by words, or by both; one implementation for all faces.</summary>
public interface ISearch
{
    /// <summary>Answers a search.</summary>
    /// <param name="request">What is searched for.</param>
    /// <param name="cancellationToken">Cancels the call of the provider and the statements.</param>
    /// <exception cref="InvalidSearchException">The request cannot be used: the message says what to change.</exception>
    /// <exception cref="Corpora.NotFoundException">There is no such corpus, kind or item, or the scope does not show it.</exception>
    /// <exception cref="Corpora.DatabaseNotReadyException">The corpus is not migrated.</exception>
    /// <exception cref="SearchUnavailableException">The query has no vector and the mode is <see cref="SearchMode.Vector"/>.</exception>
    Task<SearchResponse> SearchAsync(SearchRequest request, CancellationToken cancellationToken = default);

    /// <summary>Reads items as they are, without ranking them.</summary>
    /// <param name="request">Which items.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>By kind and key; items that are not there, or that no search shows, are left out.</returns>
    /// <exception cref="InvalidSearchException">The request cannot be used: the message says what to change.</exception>
    /// <exception cref="Corpora.NotFoundException">There is no such corpus or kind, or the scope does not show it.</exception>
    /// <exception cref="Corpora.DatabaseNotReadyException">The corpus is not migrated.</exception>
    Task<IReadOnlyList<SearchResult>> GetAsync(ItemsRequest request, CancellationToken cancellationToken = default);

    /// <summary>Makes the vector of a query by the rule that the corpus's rows carry.</summary>
    /// <param name="corpus">The corpus's name.</param>
    /// <param name="query">The query.</param>
    /// <param name="scope">What the caller may see; null: everything.</param>
    /// <param name="cancellationToken">Cancels the call of the provider.</param>
    /// <exception cref="InvalidSearchException">The query is blank, or the provider refuses it.</exception>
    /// <exception cref="Corpora.NotFoundException">There is no such corpus, or the scope does not show it.</exception>
    /// <exception cref="SearchUnavailableException">The provider gives no vector in time.</exception>
    Task<QueryVector> EmbedAsync(
        string corpus, string query, SearchScope? scope = null, CancellationToken cancellationToken = default);

    /// <summary>What a corpus lets be searched: for tool descriptions, forms and translators of filters.</summary>
    /// <param name="corpus">The corpus's name.</param>
    /// <param name="scope">What the caller may see; null: everything.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <exception cref="Corpora.NotFoundException">There is no such corpus, or the scope does not show it.</exception>
    /// <exception cref="Corpora.DatabaseNotReadyException">The corpus is not migrated.</exception>
    Task<SearchableCorpus> DescribeAsync(string corpus, SearchScope? scope = null, CancellationToken cancellationToken = default);
}
