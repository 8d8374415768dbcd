using System.Text;

namespace EmbeddingFunctions.Testing;

/// <content>Replies in place of the work: nothing is paid for.</content>
public abstract partial record Fault
{
    private const string Html = "<html><head><title>Fake gateway</title></head><body><center><h1>Fake gateway</h1></center></body></html>";

    public static Fault Status(int status, string body = "", string contentType = "application/json") =>
        new StatusFault(nameof(Status), status, contentType, Encoding.UTF8.GetBytes(body));

    /// <summary>429 <c>rate_limit_exceeded</c> with the hints given, and no hint even in its words if none is.</summary>
    public static Fault RateLimited(TimeSpan? retryAfter = null, TimeSpan? retryAfterMs = null) =>
        new RefusalFault(
            nameof(RateLimited), (sent, _) => Refusals.RateLimited(sent.Model, "requests", 3, 3, 1, retryAfterMs ?? retryAfter))
        {
            Headers = RetryHint.Headers(retryAfter, retryAfterMs),
        };

    /// <summary>
    /// 429 that no waiting cures; <paramref name="code"/> may be credit_balance_exhausted, project_spend_limit_exceeded and so on.
    /// </summary>
    public static Fault InsufficientQuota(string code = "insufficient_quota") => Refuse(nameof(InsufficientQuota), Refusals.NoQuota(code));

    /// <summary>OpenAI's own error, or from 502 on (503 apart) the HTML of a gateway in front of it.</summary>
    public static Fault ServerError(int status = 500) =>
        status is >= 502 and not 503
            ? new StatusFault(nameof(ServerError), status, "text/html", Encoding.UTF8.GetBytes(Html))
            : Refuse(nameof(ServerError), Refusals.ServerError(status));

    /// <summary>429 <c>slow_down</c>.</summary>
    public static Fault SlowDown() => Refuse(nameof(SlowDown), Refusals.SlowDown);

    /// <summary>503 <c>server_is_overloaded</c>.</summary>
    public static Fault Overloaded() => Refuse(nameof(Overloaded), Refusals.Overloaded);

    /// <summary>401 though the key is right.</summary>
    public static Fault BadKey() =>
        new RefusalFault(nameof(BadKey), (sent, options) => Refusals.BadKey(sent.PresentedKey, options.EchoWholeKey));

    /// <summary>404 <c>model_not_found</c> for a model that was there.</summary>
    public static Fault ModelGone() => new RefusalFault(nameof(ModelGone), (sent, _) => Refusals.UnknownModel(sent.Model));

    /// <summary>400 <c>'$.input' is invalid</c>, which names no input.</summary>
    public static Fault BadInput() => Refuse(nameof(BadInput), Refusals.InvalidInput);

    /// <summary>400 for an input over the context length, which names no input either.</summary>
    public static Fault TooLong(int requestedTokens = 8193) =>
        new RefusalFault(nameof(TooLong), (_, options) => Refusals.TooLong(requestedTokens, options.MaxInputTokens));

    /// <summary>400 <c>max_tokens_per_request</c>.</summary>
    public static Fault TooManyTokens(int max) =>
        new RefusalFault(nameof(TooManyTokens), (sent, _) => Refusals.TooManyTokens(Math.Max(sent.Tokens, max + 1), max));

    public static Fault Redirect(string url, int status = 307) =>
        new StatusFault(nameof(Redirect), status, "text/plain", []).WithHeader("Location", url);

    public static Fault Html200() => new StatusFault(nameof(Html200), 200, "text/html", Encoding.UTF8.GetBytes(Html));

    public static Fault ErrorObject200() =>
        new StatusFault(nameof(ErrorObject200), 200, "application/json", Refusals.ServerError(200).ToJson());

    private static RefusalFault Refuse(string name, Refusal refusal) => new(name, (_, _) => refusal);
}
