namespace EmbeddingFunctions.Resilience;

/// <summary>Keeps limiter states as JSON text, with the clock that their timestamps use.</summary>
internal interface ILimiterStore
{
    /// <returns>Null if the store is unavailable.</returns>
    Task<StoredState?> Read(string name);

    /// <summary>Compare-and-swap.</summary>
    /// <param name="name">Of provider and model.</param>
    /// <param name="expected">Replaced only if this is the state now; null: there is none.</param>
    /// <param name="next">The new state.</param>
    /// <returns>The state afterwards; null if the store is unavailable.</returns>
    Task<StoredState?> Exchange(string name, string? expected, string next);
}

/// <param name="State">JSON; null: there is none yet.</param>
/// <param name="Now">By the store's clock.</param>
/// <param name="IsExchanged">Whether the new state was stored.</param>
internal sealed record StoredState(string? State, DateTimeOffset Now, bool IsExchanged = false);
