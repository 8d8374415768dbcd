namespace EmbeddingFunctions.Batches;

/// <summary>
/// Keeps an item's text out of the reason why it failed: providers and triggers repeat it, and reasons are logged and shown.
/// </summary>
internal static class TextRedaction
{
    // Shorter runs of letters are in any sentence.
    private const int Shortest = 16;

    // No more of a reason is kept.
    private const int Longest = 2_000;

    private const string Hidden = "[its text]";

    /// <returns>The reason, with what it has of the texts left out.</returns>
    public static string Hide(string reason, IReadOnlyList<string?> texts)
    {
        reason = reason.Length > Longest ? reason[..Longest] : reason;
        for (var start = 0; start + Shortest <= reason.Length; start++)
        {
            var length = LongestFrom(reason, start, texts);
            if (length >= Shortest)
            {
                reason = string.Concat(reason.AsSpan(0, start), Hidden, reason.AsSpan(start + length));
                start += Hidden.Length - 1;
            }
        }

        return reason;
    }

    // How much of the reason from there on stands in one of the texts.
    private static int LongestFrom(string reason, int start, IReadOnlyList<string?> texts)
    {
        var longest = 0;
        foreach (var text in texts)
        {
            var next = Math.Max(longest + 1, Shortest);
            while (start + next <= reason.Length && text?.AsSpan().Contains(reason.AsSpan(start, next), StringComparison.Ordinal) == true)
            {
                longest = next++;
            }
        }

        return longest;
    }
}
