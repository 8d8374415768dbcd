namespace EmbeddingFunctions.AspNetCore;

/// <summary>Metadata of an endpoint, for a host's own door: who is let in beside those who have its key.</summary>
internal sealed class Admission
{
    /// <summary>All: it tells no secret.</summary>
    public static readonly Admission Everyone = new();

    /// <summary>Those with a search key, within what it shows.</summary>
    public static readonly Admission SearchKeys = new();

    private Admission()
    {
    }
}
