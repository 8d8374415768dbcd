namespace EmbeddingFunctions.Limits;

/// <summary>How a provider's model is, as all processes see it.</summary>
/// <param name="State">One of the constants here.</param>
/// <param name="Until">When it will be tried again by itself.</param>
public sealed record ProviderStanding(string Model, string State, string? Reason, DateTimeOffset? Until)
{
    public const string Open = "open";

    /// <summary>It wants to be left alone for a while.</summary>
    public const string Waiting = "waiting";

    /// <summary>The last call failed, and the next one is to show whether it is well.</summary>
    public const string Failing = "failing";

    /// <summary>It was stopped, and no call has been made since it may be tried again.</summary>
    public const string Untried = "untried";

    /// <summary>Key, quota, model or address are at fault: a person has to act.</summary>
    public const string Stopped = "stopped";
}
