namespace EmbeddingFunctions.Corpora;

/// <summary>The text that is embedded of an item that may be requested through <c>embedding_queue</c>.</summary>
public enum QueuedText
{
    /// <summary>It may not.</summary>
    None,

    /// <summary>
    /// The queue row's <c>content</c>: a text that an application wrote there, or the declared text, as triggers keep it.
    /// </summary>
    Content,

    /// <summary>The declared text as it stands in the item's row; the content only tells it.</summary>
    Row,
}
