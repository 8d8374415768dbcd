namespace EmbeddingFunctions.Testing;

/// <summary>The headers that tell a client when to come back.</summary>
internal static class RetryHint
{
    /// <summary>Both, as OpenAI sends them: whole seconds rounded up, and the exact wait in milliseconds.</summary>
    public static IReadOnlyList<(string Name, string Value)> Headers(TimeSpan wait) =>
        Headers(TimeSpan.FromSeconds(Math.Ceiling(wait.TotalSeconds)), wait);

    public static IReadOnlyList<(string Name, string Value)> Headers(TimeSpan? retryAfter, TimeSpan? retryAfterMs)
    {
        var headers = new List<(string, string)>(2);
        if (retryAfter is { } seconds)
            headers.Add(("Retry-After", $"{seconds.TotalSeconds}"));
        if (retryAfterMs is { } milliseconds)
            headers.Add(("retry-after-ms", $"{Math.Ceiling(milliseconds.TotalMilliseconds)}"));
        return headers;
    }
}
