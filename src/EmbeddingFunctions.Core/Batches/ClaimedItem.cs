using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Batches;

/// <summary>An item this batch alone may embed, with its text as the database held it when it was claimed.</summary>
/// <param name="Version">The database's hash of the text's columns: the write is refused if it is another by then.</param>
/// <param name="Hash">The fingerprint stored with the row.</param>
/// <param name="State">The decision on the text with that fingerprint, see <see cref="ItemState"/>.</param>
/// <param name="HasVector">Whether the row has a vector, of whatever age.</param>
/// <param name="Attempts">How often it was claimed without success, this time included.</param>
/// <param name="FailedHash">The fingerprint of the text that failed before, if any did.</param>
/// <param name="IsDead">Whether that text failed for good.</param>
/// <param name="WasLost">Whether the worker that held it last let its lease run out.</param>
internal sealed record ClaimedItem(
    string Id, byte[] Version, IReadOnlyList<string?> Values, string? Hash, string? State, bool HasVector, int Attempts, string? FailedHash,
    bool IsDead, bool WasLost = false)
{
    /// <summary>
    /// When the row was first edited since it was decided on, by the database's clock; null: it was not, or that is not known.
    /// </summary>
    public DateTimeOffset? EditedAt { get; init; }

    /// <summary>Whether the row's vector is known to be of the text with <see cref="Hash"/>, whatever the row's text is now.</summary>
    public bool IsEmbedded => HasVector && State is ItemState.Embedded or ItemState.Rewritten;
}

/// <summary>What a batch holds: a claim on each item under one token, which every later write must show.</summary>
/// <param name="IsForced">Whether its items are embedded again though their vectors are current.</param>
internal sealed record Claim(
    ResolvedCorpus Corpus, ResolvedTable Table, Guid RunId, string Partition, Guid Token, IReadOnlyList<ClaimedItem> Items, bool IsForced)
{
    /// <summary>False: another process was claiming of the partition, and nothing was looked for.</summary>
    public bool HadTurn { get; init; } = true;

    /// <summary>Texts of a request, where several requests are to be sent side by side; null: as many as one takes.</summary>
    public int? Inputs { get; init; }
}
