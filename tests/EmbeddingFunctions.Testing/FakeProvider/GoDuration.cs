namespace EmbeddingFunctions.Testing;

/// <summary>Writes a wait as OpenAI's headers and messages do: <c>864ms</c>, <c>41.724s</c>, <c>6m0s</c>, <c>114h18m0s</c>.</summary>
internal static class GoDuration
{
    public static string Format(TimeSpan wait)
    {
        // Rounded up: a client that waits exactly as long as told must not be early.
        var milliseconds = (long)Math.Ceiling(wait.TotalMilliseconds);
        if (milliseconds <= 0)
            return "0s";
        if (milliseconds < 1000)
            return $"{milliseconds}ms";

        var seconds = $"{milliseconds % 60_000 / 1000m:0.###}s";
        var minutes = milliseconds / 60_000;
        return minutes switch
        {
            0 => seconds,
            < 60 => $"{minutes}m{seconds}",
            _ => $"{minutes / 60}h{minutes % 60}m{seconds}",
        };
    }
}
