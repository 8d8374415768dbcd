namespace EmbeddingFunctions.Cli.Status;

/// <summary>When a failed item is tried again, as a person reads it.</summary>
internal static class NextTry
{
    /// <param name="isGivenUp">Whether only a change of the text has it tried again.</param>
    /// <param name="notBefore">Until then runs leave it alone.</param>
    public static string Text(bool isGivenUp, DateTimeOffset? notBefore) => isGivenUp ? "given up until the text changes"
        : notBefore > DateTimeOffset.UtcNow
            ? $"tried again by the first run after {notBefore.Value.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC"
            : "tried again by the next run";
}
