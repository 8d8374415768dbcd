namespace EmbeddingFunctions.Providers;

/// <summary>A call failed; <see cref="Fault"/> says whose fault it is and so what may be done.</summary>
public sealed class ProviderException(ProviderFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whose fault it is.</summary>
    public ProviderFault Fault { get; } = fault;

    /// <summary>How long the provider asked to be left alone, 120 s at most.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>For <see cref="ProviderFault.TooManyTokens"/>: what it said a request may hold.</summary>
    public int? MaxTokensPerRequest { get; init; }

    /// <summary>For <see cref="ProviderFault.Item"/>: by how much an input was too long, if it was and the provider said so.</summary>
    internal TokenOverrun? Overrun { get; init; }

    /// <summary>Whether no answer came in time: the work may have been done, and paid for, all the same.</summary>
    public bool IsTimeout { get; init; }

    /// <summary>Whether there was no connection: the address may be wrong, or the server down.</summary>
    public bool IsUnreachable { get; init; }

    /// <summary>Whether it has more to do than it can: fewer at a time may pass.</summary>
    public bool IsOverload { get; init; }

    /// <summary>Whether only this process is concerned: other processes do not hear of it.</summary>
    public bool IsLocal { get; init; }

    /// <summary>What it said of its limits.</summary>
    internal ProviderLimits? Limits { get; init; }

    /// <summary>Whether it may have been carried out, and charged, though no usable answer came.</summary>
    internal bool MayBeCharged { get; init; }

    /// <summary>Whether it was not sent, because a cap of dollars does not allow it.</summary>
    internal bool IsCapReached { get; init; }

    /// <summary>What a reply that cannot be used cost nevertheless.</summary>
    public int PaidTokens { get; init; }
}

/// <param name="Tokens">What an input has, by the provider's count.</param>
/// <param name="MaxTokens">What it may have.</param>
internal readonly record struct TokenOverrun(int Tokens, int MaxTokens);

/// <summary>Whose fault a failed call is, and so what may be done.</summary>
public enum ProviderFault
{
    /// <summary>Some input of the request will never be accepted, or gets no usable vector.</summary>
    Item,

    /// <summary>The request was too large as a whole; parts may pass.</summary>
    TooManyTokens,

    /// <summary>Try again later; no item is to blame.</summary>
    Transient,

    /// <summary>The reply does not answer the request: try again, then look for an input that causes it.</summary>
    Reply,

    /// <summary>Key, quota, model or address: no call will pass before a person acts; no item is to blame.</summary>
    Configuration,
}
