using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Costs;

/// <summary>A request to the provider as <c>embedding.requests</c> has it.</summary>
/// <param name="Tokens">Billed; as long as nothing is known, as many as it may be at most where a cap is set, else as expected.</param>
/// <param name="Dollars">Null for a model whose price is not known.</param>
/// <param name="Outcome">Null: not known yet.</param>
internal sealed record LedgerEntry(
    Guid Id, Guid? Run, string? Corpus, string Model, bool OnBatchLane, int Inputs, long Tokens, decimal? Dollars,
    RequestOutcome? Outcome = null)
{
    /// <summary>Whether a cap of its run must hold.</summary>
    [JsonIgnore]
    public bool IsCapped { get; init; }
}

/// <summary>What became of a request.</summary>
internal enum RequestOutcome
{
    /// <summary>With vectors.</summary>
    Answered,

    /// <summary>With a reply that is none, but was billed.</summary>
    Unusable,

    /// <summary>The provider said no, which it does not bill.</summary>
    Refused,

    /// <summary>It was never sent: there was no connection, or the caller had left.</summary>
    Unreached,

    /// <summary>It may have been carried out, though no answer came: it counts as spent.</summary>
    Unknown,
}
