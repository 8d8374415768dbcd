namespace EmbeddingFunctions.Batches;

/// <summary>An item that failed, as it is remembered.</summary>
/// <param name="Attempts">Of three.</param>
/// <param name="IsDead">Given up until the text changes.</param>
/// <param name="NextTry">Null: with the next run, or never if it is dead.</param>
internal sealed record FailedItem(
    string Kind, string Id, string Partition, string Reason, int Attempts, bool IsDead, DateTimeOffset? FailedAt, DateTimeOffset? NextTry);

/// <summary>Which failed items are meant.</summary>
/// <param name="Items">These; empty: all.</param>
/// <param name="Reason">Only items whose reason contains this text, ignoring case.</param>
internal sealed record FailureFilter(IReadOnlyList<(string Kind, string Id)> Items, string? Reason = null)
{
    /// <summary>Only items of this kind; null: of all.</summary>
    public string? Kind { get; init; }

    /// <summary>Only items with this reason, to the letter.</summary>
    public string? WholeReason { get; init; }

    /// <summary>Whether a named item that has not failed is passed over, and no error.</summary>
    public bool MayHaveOthers { get; init; }
}

/// <param name="Retried">Items that have their attempts again.</param>
/// <param name="Refused">
/// Items whose rows are locked or cannot be updated, for example because a trigger rejects it; they stay failed.
/// </param>
internal sealed record RetriedItems(int Retried, int Refused = 0);

/// <param name="Edited">Items that were edited since they failed, and are pending again.</param>
/// <param name="Refused">As of <see cref="RetriedItems"/>.</param>
internal sealed record IgnoredItems(int Ignored, int Edited, int Refused = 0);
