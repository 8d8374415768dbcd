namespace EmbeddingFunctions.Resilience;

internal static class StoredTimestamp
{
    /// <summary>Whether a stored timestamp is in the future. False if it is further ahead than its kind can be.</summary>
    public static bool IsAhead(this DateTimeOffset timestamp, DateTimeOffset now, TimeSpan longest) =>
        timestamp > now && timestamp <= now + longest;
}
