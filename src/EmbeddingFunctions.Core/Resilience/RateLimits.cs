namespace EmbeddingFunctions.Resilience;

/// <summary>How many requests and tokens a provider allows in any 60 seconds.</summary>
internal sealed record RateLimits(double Requests, double Tokens)
{
    /// <summary>The allowance of a minute is spread over this time: one request may travel slowly and one a minute later fast.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(61.5);

    /// <summary>The fraction of a minute's allowance that this leaves unused.</summary>
    public const double Slack = 1 - (60 / 61.5);

    public static RateLimits Of(Settings.EmbeddingSettings settings) => new(settings.RequestsPerMinute, settings.TokensPerMinute);

    /// <summary>A request of at most this many tokens needs no room before it: the slack covers it, or requests are rare anyway.</summary>
    public int EvenRequest => (int)Math.Max(Tokens * Slack, Tokens / Requests);

    public TimeSpan TimePerRequest => Window / Requests;

    public TimeSpan TimeFor(double tokens) => Window * (tokens / Tokens);

    public RateLimits Scale(double share) => new(Requests * share, Tokens * share);

    /// <returns>The lower of each; a reported limit below a hundredth of the configured one is not believed.</returns>
    public RateLimits Lowest(ReportedLimits reported) => new(Lowest(Requests, reported.Requests), Lowest(Tokens, reported.Tokens));

    private static double Lowest(double limit, int? reported) =>
        reported is { } number && (double.IsInfinity(limit) || number >= limit / 100) ? Math.Min(limit, number) : limit;
}

/// <summary>Limits of a minute as the provider's response headers report them.</summary>
internal sealed record ReportedLimits(int? Requests, int? Tokens, DateTimeOffset ValidUntil);

/// <summary>The most inputs that a provider was found to accept in a request; it may accept more one day.</summary>
internal sealed record InputLimit(int Most, DateTimeOffset ValidUntil);
