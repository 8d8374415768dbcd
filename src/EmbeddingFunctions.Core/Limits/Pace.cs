namespace EmbeddingFunctions.Limits;

/// <summary>
/// When the next request may go. What a minute allows is spread evenly: over any 60 seconds never more than the limits,
/// because a provider may count its minute from any moment, and nothing saved up in a pause, because it may count by the second.
/// </summary>
internal sealed record Pace
{
    /// <summary>Nobody takes a moment further ahead: one who then vanishes leaves a short gap.</summary>
    public static readonly TimeSpan Horizon = TimeSpan.FromSeconds(5);

    /// <summary>No request waits longer: one of more than a minute's tokens waits for a minute, and the next for two.</summary>
    public static readonly TimeSpan Farthest = TimeSpan.FromMinutes(10);

    // Kept for people who wait for an answer: what batches have taken ahead and this together stay within the slack.
    private const double SharePerPerson = 0.1;
    private const double PersonsSlack = RateLimits.Slack - (SharePerPerson * 5 / 60);

    public DateTimeOffset RequestsFrom { get; init; }

    public DateTimeOffset TokensFrom { get; init; }

    public DateTimeOffset PersonsFrom { get; init; }

    /// <summary>The latest moment that was taken.</summary>
    public DateTimeOffset Last { get; init; }

    /// <summary>A clock that was set back, or nonsense from a provider, must not stop everybody: what is impossibly far ahead is forgotten.</summary>
    public Pace Sane(DateTimeOffset now) => Later(RequestsFrom, Later(TokensFrom, PersonsFrom)) > now + Farthest ? new Pace() : this;

    /// <summary>How much too far ahead the next free moment is to be taken now; zero or less: it may be.</summary>
    public TimeSpan Ahead(DateTimeOffset now) => Later(RequestsFrom, TokensFrom) - now - Horizon;

    /// <summary>Takes the next free moment.</summary>
    /// <param name="limits">Of a minute.</param>
    /// <param name="tokens">Of the request; of more than the slack holds the rest is waited for before it as well as after it.</param>
    /// <param name="isForPerson">Goes before all that wait, within a share of a tenth.</param>
    /// <param name="now">Nothing is earlier.</param>
    public (Pace Next, DateTimeOffset At) Take(RateLimits limits, int tokens, bool isForPerson, DateTimeOffset now)
    {
        if (isForPerson && limits.Requests * PersonsSlack >= 1 && tokens <= limits.Tokens * PersonsSlack)
        {
            return TakeForPerson(limits, tokens, now);
        }

        var before = limits.SpanOf(Math.Max(0, tokens - (limits.Tokens * RateLimits.Slack)));
        var at = Later(now, Later(RequestsFrom, TokensFrom + before));
        return (this with { RequestsFrom = at + limits.SpanOfRequest, TokensFrom = at + limits.SpanOf(tokens), Last = Later(Last, at) }, at);
    }

    /// <summary>Gives back what was taken too much, or takes what was taken too little.</summary>
    public Pace Correct(RateLimits limits, double tokens) =>
        this with { TokensFrom = TokensFrom - Last > limits.SpanOf(-tokens) ? TokensFrom + limits.SpanOf(tokens) : Last };

    private (Pace Next, DateTimeOffset At) TakeForPerson(RateLimits limits, int tokens, DateTimeOffset now)
    {
        var (request, text) = (limits.SpanOfRequest, limits.SpanOf(tokens));
        var at = Later(now, PersonsFrom);
        var next = this with
        {
            PersonsFrom = at + ((request > text ? request : text) / SharePerPerson),
            RequestsFrom = Later(now, RequestsFrom) + request,
            TokensFrom = Later(now, TokensFrom) + text,
        };
        return (next, at);
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
