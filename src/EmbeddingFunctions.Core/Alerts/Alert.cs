namespace EmbeddingFunctions.Alerts;

/// <summary>A message that is to be sent: an incident has begun, or is over.</summary>
/// <param name="EndedAt">Null: it has begun.</param>
internal sealed record Alert(
    Guid Incident, string Kind, string Subject, string Message, DateTimeOffset BeganAt, DateTimeOffset? EndedAt, int Attempts)
{
    public bool IsOver => EndedAt is not null;

    public string State => IsOver ? "over" : "begun";

    /// <summary>The same whenever it is sent again.</summary>
    public string Id => $"{Incident}/{State}";

    /// <summary>For people.</summary>
    public string Text => IsOver ? $"Over: {Message}" : Message;
}
