namespace EmbeddingFunctions.Settings;

/// <summary>What the receiver of alerts reads.</summary>
public enum AlertForm
{
    /// <summary>An object with all that is known of the incident.</summary>
    Json,

    /// <summary>A message of a Slack incoming webhook.</summary>
    Slack,

    /// <summary>A card of a workflow of Microsoft Teams.</summary>
    Teams,
}
