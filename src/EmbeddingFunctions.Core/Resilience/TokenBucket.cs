namespace EmbeddingFunctions.Resilience;

/// <summary>
/// A token bucket without a burst (generic cell rate algorithm), for requests and for tokens. The allowance of a minute is spread evenly,
/// because a provider may count its minute from any moment or enforce it by the second; idle time saves nothing up.
/// </summary>
internal sealed record TokenBucket
{
    /// <summary>Batches reserve no further ahead than this, so a process that dies leaves a short gap.</summary>
    public static readonly TimeSpan Horizon = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait: a request of more than a minute's tokens waits for a minute, the next one for two.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    // Interactive calls jump the queue within this share; together with what batches have reserved ahead they stay within the slack.
    private const double InteractiveShare = 0.1;
    private const double InteractiveSlack = RateLimits.Slack - (InteractiveShare * 5 / 60);

    public DateTimeOffset NextRequest { get; init; }

    public DateTimeOffset NextTokens { get; init; }

    public DateTimeOffset NextInteractive { get; init; }

    public DateTimeOffset LastReserved { get; init; }

    /// <summary>Resets a bucket that is impossibly far ahead, after a clock was set back or a provider reported nonsense.</summary>
    public TokenBucket ResetIfImpossible(DateTimeOffset now) =>
        Later(NextRequest, Later(NextTokens, NextInteractive)) > now + LongestWait ? new() : this;

    /// <returns>How long to wait before reserving; zero or less: reserve now.</returns>
    public TimeSpan BeyondHorizon(DateTimeOffset now) => Later(NextRequest, NextTokens) - now - Horizon;

    /// <summary>Reserves the next free moment for one request.</summary>
    /// <param name="limits">Of a minute.</param>
    /// <param name="tokens">Of the request. Beyond the slack, room is kept free before the request as well as after it.</param>
    /// <param name="isInteractive">Whether a person waits for the answer.</param>
    /// <param name="now">The earliest moment.</param>
    public (TokenBucket Next, DateTimeOffset At) Reserve(RateLimits limits, int tokens, bool isInteractive, DateTimeOffset now)
    {
        if (isInteractive && limits.Requests * InteractiveSlack >= 1 && tokens <= limits.Tokens * InteractiveSlack)
        {
            return ReserveInteractive(limits, tokens, now);
        }

        var before = limits.TimeFor(Math.Max(0, tokens - (limits.Tokens * RateLimits.Slack)));
        var at = Later(now, Later(NextRequest, NextTokens + before));
        var next = this with
        {
            NextRequest = at + limits.TimePerRequest,
            NextTokens = at + limits.TimeFor(tokens),
            LastReserved = Later(LastReserved, at),
        };
        return (next, at);
    }

    /// <param name="tokens">By which past estimates were too low; negative: too high, and given back.</param>
    public TokenBucket AddDebt(RateLimits limits, double tokens) =>
        this with { NextTokens = NextTokens - LastReserved > limits.TimeFor(-tokens) ? NextTokens + limits.TimeFor(tokens) : LastReserved };

    private (TokenBucket Next, DateTimeOffset At) ReserveInteractive(RateLimits limits, int tokens, DateTimeOffset now)
    {
        var (request, text) = (limits.TimePerRequest, limits.TimeFor(tokens));
        var at = Later(now, NextInteractive);
        var next = this with
        {
            NextInteractive = at + ((request > text ? request : text) / InteractiveShare),
            NextRequest = Later(now, NextRequest) + request,
            NextTokens = Later(now, NextTokens) + text,
        };
        return (next, at);
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
