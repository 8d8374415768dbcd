namespace EmbeddingFunctions.Limits;

/// <summary>Where a <see cref="FlowState"/> is kept, with the clock that counts.</summary>
internal interface IFlowStore
{
    /// <summary>Which part of the limits whoever uses it may use: all of it where all share it.</summary>
    double Part { get; }

    /// <returns>The state as text, null if there is none yet, and the time there; null if the store is away.</returns>
    Task<KeptFlow?> Read(string provider, CancellationToken cancellation);

    /// <summary>Puts the next state in the place of the expected one, if that is what is there.</summary>
    /// <returns>What is there now; null if the store is away.</returns>
    Task<KeptFlow?> Exchange(string provider, string? expected, string next, CancellationToken cancellation);
}

/// <param name="State">As JSON.</param>
/// <param name="Now">By the store's clock.</param>
/// <param name="IsExchanged">Whether the state is the one that was to be put there.</param>
internal sealed record KeptFlow(string? State, DateTimeOffset Now, bool IsExchanged = false);
