using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>Objects of others for which a migration would be refused.</summary>
internal interface IMigrationObstacles
{
    /// <param name="corpus">The corpus.</param>
    /// <param name="takeOver">Whether objects that are there may be used; never those of another corpus.</param>
    /// <param name="cancellation">Ends the search.</param>
    Task<IReadOnlyList<DeclarationFault>> Faults(ResolvedCorpus corpus, bool takeOver, CancellationToken cancellation);
}
