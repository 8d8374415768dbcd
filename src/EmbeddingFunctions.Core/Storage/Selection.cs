namespace EmbeddingFunctions.Storage;

/// <summary>The items that a run is confined to, within its kinds and partition.</summary>
/// <param name="Where">Values by the names that the declaration gives to columns.</param>
/// <param name="FromId">Only items with this id or a higher one.</param>
internal sealed record Selection(IReadOnlyDictionary<string, string> Where, long? FromId = null)
{
    internal IEnumerable<string> Names => Where.Keys.Order(StringComparer.Ordinal);
}
