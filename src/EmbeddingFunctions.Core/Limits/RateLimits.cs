namespace EmbeddingFunctions.Limits;

/// <summary>What a provider allows in a minute, counted from whatever moment.</summary>
internal sealed record RateLimits(double Requests, double Tokens)
{
    /// <summary>Over so long what is allowed is spread: the provider counts what arrives, and one request may be slow on its way and the sixtieth second's quick.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(61.5);

    /// <summary>The part of a minute's allowance that spreading it leaves free.</summary>
    public const double Slack = 1 - (60 / 61.5);

    /// <summary>A request of at most so many tokens needs no room kept free before it: the slack holds it, or there are few requests anyway.</summary>
    public int EvenRequest => (int)Math.Max(Tokens * Slack, Tokens / Requests);

    public TimeSpan SpanOfRequest => Window / Requests;

    public TimeSpan SpanOf(double tokens) => Window * (tokens / Tokens);

    /// <returns>The smaller of each; what is less than a hundredth is taken for nonsense.</returns>
    public RateLimits Least(ToldLimits told) => new(Least(Requests, told.Requests), Least(Tokens, told.Tokens));

    private static double Least(double limit, int? told) => told is { } number && (double.IsInfinity(limit) || number >= limit / 100) ? Math.Min(limit, number) : limit;

    public RateLimits Part(double part) => new(Requests * part, Tokens * part);
}

/// <summary>What the provider itself says that it allows in a minute.</summary>
internal sealed record ToldLimits(int? Requests, int? Tokens, DateTimeOffset Until);
