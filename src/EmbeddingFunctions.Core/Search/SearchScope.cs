namespace EmbeddingFunctions.Search;

/// <summary>Which corpora and partitions a caller may see: of a key that may only search.</summary>
/// <param name="Corpora">The names of the corpora; null: all.</param>
/// <param name="Partitions">
/// The partitions as text; null: all. Where it is given, a corpus without partitions shows nothing, so a key for one tenant never sees it.
/// </param>
public sealed record SearchScope(IReadOnlyList<string>? Corpora, IReadOnlyList<string>? Partitions)
{
    /// <summary>Everything.</summary>
    public static SearchScope All { get; } = new(null, null);
}
