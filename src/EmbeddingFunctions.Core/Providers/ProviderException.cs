namespace EmbeddingFunctions.Providers;

/// <summary>A call failed; <see cref="Fault"/> says whose fault it is and so what may be done.</summary>
public sealed class ProviderException(ProviderFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    public ProviderFault Fault { get; } = fault;

    /// <summary>How long the provider asked to be left alone.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>For <see cref="ProviderFault.TooManyTokens"/>: what it said a request may hold.</summary>
    public int? MaxTokensPerRequest { get; init; }
}

public enum ProviderFault
{
    /// <summary>Some input of the request will never be accepted, or gets no usable vector.</summary>
    Item,

    /// <summary>The request was too large as a whole; halves may pass.</summary>
    TooManyTokens,

    /// <summary>Try again later; no item is to blame.</summary>
    Passing,

    /// <summary>The reply does not answer the request: try again, then look for an input that causes it.</summary>
    Reply,

    /// <summary>Key, quota, model or address: nothing will pass before a person acts; no item is to blame.</summary>
    Configuration,
}
