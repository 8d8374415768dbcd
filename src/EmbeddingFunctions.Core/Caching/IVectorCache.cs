namespace EmbeddingFunctions.Caching;

/// <summary>
/// Vectors that were paid for, by the fingerprint of what they were made of. It may forget anything at any time; it never errs and, unless
/// it is asked to forget, never fails.
/// </summary>
internal interface IVectorCache
{
    /// <summary>Looks all up in one round trip.</summary>
    /// <param name="fingerprints">Of the texts, no two alike.</param>
    /// <param name="dimensions">Entries of another length are none.</param>
    /// <param name="since">Entries from before then are none; null: any will do.</param>
    /// <param name="cancellation">Ends the looking: nothing was found.</param>
    Task<IReadOnlyDictionary<string, ReadOnlyMemory<float>>> Find(
        IReadOnlyList<string> fingerprints, int dimensions, DateTimeOffset? since, CancellationToken cancellation);

    /// <summary>Keeps vectors for 30 days at most, all in one round trip.</summary>
    Task Store(IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<float>>> vectors);

    /// <summary>Takes vectors out, for good.</summary>
    /// <exception cref="Corpora.DatabaseNotReadyException">What keeps them cannot be reached.</exception>
    Task Forget(IReadOnlyList<string> fingerprints, CancellationToken cancellation);
}
