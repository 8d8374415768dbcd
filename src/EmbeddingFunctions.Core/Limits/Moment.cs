namespace EmbeddingFunctions.Limits;

internal static class Moment
{
    /// <summary>Whether a stored moment is yet to come. One that lies further ahead than its kind ever does is of a wrong clock, and counts as past.</summary>
    public static bool IsAhead(this DateTimeOffset moment, DateTimeOffset now, TimeSpan longest) => moment > now && moment <= now + longest;
}
