using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Storage;

/// <summary>The indexes for search by vectors, which are built when that pays.</summary>
internal interface ISearchIndexes
{
    /// <summary>A line when the building of one begins, and how far it is.</summary>
    event Action<string>? Progressed;

    /// <summary>How those of a corpus stand.</summary>
    Task<IReadOnlyList<SearchIndex>> States(ResolvedCorpus corpus, CancellationToken cancellation);

    /// <summary>
    /// Builds those that are missing or invalid, except for tables that still wait for their first vectors. Writers are not blocked. It
    /// does nothing while another process builds or migrates; an interrupted build is begun again by the next call.
    /// </summary>
    /// <exception cref="Corpora.DatabaseNotReadyException">Postgres refuses it.</exception>
    Task Build(ResolvedCorpus corpus, CancellationToken cancellation);

    /// <summary>The same because a person asks: whatever waits, and after waiting for another process.</summary>
    /// <exception cref="Corpora.DatabaseNotReadyException">Postgres refuses it.</exception>
    Task BuildNow(ResolvedCorpus corpus, CancellationToken cancellation);

    /// <returns>Whether <see cref="Build"/> has something to do.</returns>
    Task<bool> AreToBeBuilt(ResolvedCorpus corpus, CancellationToken cancellation);

    /// <summary>Builds each again beside the one that searches use, and replaces that one; builds those that are missing.</summary>
    /// <exception cref="Corpora.DatabaseNotReadyException">Postgres refuses it.</exception>
    Task Rebuild(ResolvedCorpus corpus, CancellationToken cancellation);
}

/// <summary>An index for search by vectors.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Table">The table that it is on.</param>
/// <param name="State">How it stands.</param>
public sealed record SearchIndex(
    string Name, string Table, [property: JsonConverter(typeof(CamelCaseEnum))] SearchIndexState State)
{
    /// <summary>While it is built: the share that is done, 0 to 1.</summary>
    public double? Progress { get; init; }

    /// <summary>Whether the role of this process may build it, which takes the owner of the table.</summary>
    public bool MayBeBuilt { get; init; }
}

/// <summary>How an index for search by vectors stands.</summary>
public enum SearchIndexState
{
    /// <summary>Searches can use it.</summary>
    Ready,

    /// <summary>A process builds it now.</summary>
    Building,

    /// <summary>The run that ends the first backfill builds it.</summary>
    Missing,

    /// <summary>Its building was interrupted; the next run that leaves nothing pending builds it.</summary>
    Invalid,
}
