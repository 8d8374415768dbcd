using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Storage;

/// <summary>A declaration that was held against a database: every name in it exists there.</summary>
internal sealed record BoundCorpus(Corpus Corpus, string Model, IReadOnlyList<BoundTable> Tables, string? ActivePartitions)
{
    public BoundTable TableOf(string kind) => Tables.First(table => table.Kind == kind);
}
