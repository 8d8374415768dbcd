namespace EmbeddingFunctions.Corpora;

/// <summary>The names of the columns that a migration adds to a table in addition to its vector.</summary>
public sealed record OwnColumns
{
    /// <summary>When the row was last decided upon.</summary>
    public string GeneratedAt { get; init; } = "embedding_generated_at";

    /// <summary>The model of the vector.</summary>
    public string Model { get; init; } = "embedding_model";

    /// <summary>The rule under which the row was decided on.</summary>
    public string Rule { get; init; } = "embedding_rule";

    /// <summary>How many characters were left out of the vector.</summary>
    public string Truncated { get; init; } = "embedding_truncated";

    /// <summary>The fingerprint of the text that was decided on.</summary>
    public string ContentHash { get; init; } = "content_hash";

    /// <summary>The decision: embedded, empty, failed, ignored or rewritten; null if there was none.</summary>
    public string State { get; init; } = "embedding_state";

    /// <summary>
    /// The text of an item that was asked for through the queue; only where <see cref="QueuedText.Content"/> is declared.
    /// </summary>
    public string Content { get; init; } = "embedding_content";

    /// <summary>By the declaration's property; the content column is not among them.</summary>
    internal IEnumerable<(string Property, string Column, string Type)> Always =>
    [
        ("generatedAt", GeneratedAt, "timestamp with time zone"), ("model", Model, "text"), ("rule", Rule, "text"),
        ("truncated", Truncated, "integer"), ("contentHash", ContentHash, "text"), ("state", State, "text"),
    ];

    internal IEnumerable<(string Property, string Column, string Type)> Of(QueuedText queue) =>
        queue == QueuedText.Content ? Always.Append(("content", Content, "text")) : Always;
}
