namespace EmbeddingFunctions.Alerts;

/// <summary>What a look at one thing found.</summary>
/// <param name="Subject">The corpus, or the provider's model.</param>
/// <param name="Trouble">A sentence without secrets and texts; null: all is well.</param>
internal sealed record Look(TroubleKind Kind, string Subject, string? Trouble);

internal enum TroubleKind
{
    /// <summary>The last run of a corpus that was not cancelled failed.</summary>
    RunFailed,

    /// <summary>A cap of a day or a month has stopped the last run of a corpus, and is still in force.</summary>
    CapReached,

    /// <summary>The provider refuses all calls, and is not called.</summary>
    ProviderStopped,

    /// <summary>Edits wait longer than is declared.</summary>
    FreshnessBroken,

    /// <summary>Fewer of a corpus's items have a vector of their text than at some time of the last day.</summary>
    CoverageFell,
}
