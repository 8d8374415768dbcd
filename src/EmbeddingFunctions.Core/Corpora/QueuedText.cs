namespace EmbeddingFunctions.Corpora;

/// <summary>What is embedded of an item that may be asked for through <c>embedding_queue</c>.</summary>
public enum QueuedText
{
    /// <summary>It may not.</summary>
    None,

    /// <summary>The queue row's <c>content</c>: what somebody put there, or the declared text, as triggers keep it.</summary>
    Content,

    /// <summary>The declared text as it stands in the item's row; the content only tells it.</summary>
    Row,
}
