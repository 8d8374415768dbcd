using System.ComponentModel.DataAnnotations;

namespace EmbeddingFunctions.Resilience;

/// <summary>The state of a provider's model as all processes see it.</summary>
/// <param name="State">One of the constants here.</param>
/// <param name="Until">When it will be tried again.</param>
public sealed record ProviderStatus(
    string Model,
    [property: AllowedValues(
        ProviderStatus.Available, ProviderStatus.Waiting, ProviderStatus.Failing, ProviderStatus.Untried, ProviderStatus.Stopped)]
    string State,
    string? Reason, DateTimeOffset? Until)
{
    /// <summary>It answers, or has not been asked yet.</summary>
    public const string Available = "available";

    /// <summary>It failed or asked for a pause.</summary>
    public const string Waiting = "waiting";

    /// <summary>The last call failed; the next one probes.</summary>
    public const string Failing = "failing";

    /// <summary>The circuit was opened, and no call has been made since it may be probed.</summary>
    public const string Untried = "untried";

    /// <summary>The circuit is open: key, quota, model or address are at fault, and a person has to act.</summary>
    public const string Stopped = "stopped";
}
