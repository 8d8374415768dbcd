namespace EmbeddingFunctions.Resilience;

/// <summary>A time in which the requests of a batch were not sent, and why.</summary>
internal sealed record Wait(WaitCause Cause, DateTimeOffset From, DateTimeOffset Until, string? Reason = null)
{
    /// <summary>Shorter ones are not noted.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    /// <summary>Both waits as one: requests of a batch wait side by side.</summary>
    public Wait With(Wait other) => other with
    {
        From = From < other.From ? From : other.From,
        Until = Until > other.Until ? Until : other.Until,
    };
}

internal enum WaitCause
{
    /// <summary>The requests and tokens of a minute were used up.</summary>
    Limits,

    /// <summary>The provider failed or asked for a pause.</summary>
    Provider,

    /// <summary>A person has paused the corpus.</summary>
    Paused,
}
