using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.OpenAI;

/// <summary>Reads from a failed reply of OpenAI's endpoint, or of one like it, whose fault it was.</summary>
internal static partial class OpenAiFaults
{
    // 114 hours have been seen. A caller asks again after this.
    private static readonly TimeSpan _longestHint = TimeSpan.FromSeconds(120);

    // Codes of an account that will not pay: the same status as a rate limit, but waiting does not help.
    private static readonly HashSet<string> _quotaCodes =
    [
        "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
    ];

    private static readonly HashSet<string> _overloadCodes = ["slow_down", "server_is_overloaded"];

    // A 400 about one of these is about how we ask, not about a text.
    private static readonly HashSet<string> _requestParameters = ["dimensions", "model", "encoding_format", "user"];

    /// <param name="refusal">Not kept as the inner exception: its message repeats what the server said, the key included.</param>
    /// <param name="redaction">Takes the key out of the message.</param>
    public static ProviderException From(ClientResultException refusal, Redaction redaction)
    {
        var response = refusal.GetRawResponse();
        return From(
            refusal.Status, response?.Content.ToMemory() ?? default,
            name => response?.Headers.TryGetValue(name, out var value) == true ? value : null, redaction);
    }

    /// <param name="status">The HTTP status.</param>
    /// <param name="body">The reply's body.</param>
    /// <param name="header">A header's value by its name, or null.</param>
    /// <param name="redaction">Takes the key out of the message.</param>
    public static ProviderException From(int status, ReadOnlyMemory<byte> body, Func<string, string?> header, Redaction redaction)
    {
        var error = ErrorBody.Parse(body);
        var message = $"the provider answered {status}{(error.Code is null ? "" : $" ({error.Code})")}: "
            + $"{error.Message ?? "no reason given"}";
        return new ProviderException(Classify(status, error), redaction.Clean(message))
        {
            RetryAfter = RetryAfter(header),
            IsOverload = status is 503 or 529 || error.Names(_overloadCodes),
            Limits = ProviderLimits.Read(header),
            MaxTokensPerRequest = error.IsTooManyTokens ? MaxTokens(error.Message) : null,
            Overrun = error.Overrun,
        };
    }

    /// <returns>What a reply's headers say of the account's limits; null: nothing.</returns>
    public static ProviderLimits? LimitsOf(PipelineResponse? response) => response?.Headers is { } headers
        ? ProviderLimits.Read(name => headers.TryGetValue(name, out var value) ? value : null)
        : null;

    private static ProviderFault Classify(int status, ErrorBody error) => status switch
    {
        400 or 413 when error.IsTooManyTokens => ProviderFault.TooManyTokens,
        413 when error.Overrun is not null => ProviderFault.Item,
        413 => ProviderFault.TooManyTokens,
        400 when error.IsAboutParameters => ProviderFault.Configuration,
        400 => ProviderFault.Item,
        429 when error.Names(_quotaCodes) => ProviderFault.Configuration,
        408 or 409 or 425 or 429 => ProviderFault.Transient,
        501 or 505 => ProviderFault.Configuration,
        >= 500 => ProviderFault.Transient,
        _ => ProviderFault.Configuration,
    };

    // Milliseconds are the exact hint and win; what is negative, not finite or unreadable is no hint.
    private static TimeSpan? RetryAfter(Func<string, string?> header)
    {
        if (Positive(header("retry-after-ms")) is { } milliseconds)
        {
            return Capped(milliseconds / 1_000);
        }

        var after = header("Retry-After");
        if (Positive(after) is { } seconds)
        {
            return Capped(seconds);
        }

        return RetryConditionHeaderValue.TryParse(after, out var condition) && condition.Date > Sent(header)
            ? Capped((condition.Date.Value - Sent(header)).TotalSeconds)
            : null;
    }

    // A date is by the server's clock, and its reply says what that shows.
    private static DateTimeOffset Sent(Func<string, string?> header) =>
        RetryConditionHeaderValue.TryParse(header("Date"), out var sent) && sent.Date is { } moment
            ? moment
            : DateTimeOffset.UtcNow;

    private static double? Positive(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number > 0 && double.IsFinite(number)
            ? number
            : null;

    private static TimeSpan Capped(double seconds) => TimeSpan.FromSeconds(Math.Min(seconds, _longestHint.TotalSeconds));

    private static int? MaxTokens(string? message) =>
        message is not null && MaxTokensPattern().Match(message) is { Success: true } match
        && int.TryParse(match.Groups[1].Value, out var max) ? max : null;

    [GeneratedRegex("max (?:of )?([0-9]+) tokens")]
    private static partial Regex MaxTokensPattern();

    // As OpenAI and vLLM say it, and as Hugging Face's server for embeddings does.
    [
        GeneratedRegex(
            "context length is (?<max>[0-9]+) tokens[.,]? however,? you requested (?<tokens>[0-9]+) tokens|less than (?<max>[0-9]+) "
                + "tokens\\. Given: (?<tokens>[0-9]+)",
            RegexOptions.IgnoreCase)]
    private static partial Regex OverrunPattern();

    // OpenAI's own refusals of these come without a param. Narrow, because a refusal may repeat a text.
    [GeneratedRegex("'(?:dimensions|encoding_format|model)'|(?:specifying|output) dimensions|model parameter", RegexOptions.IgnoreCase)]
    private static partial Regex ParametersPattern();

    private sealed record ErrorBody(string? Message, string? Code, string? Type, string? Parameter)
    {
        private static readonly ErrorBody _none = new(null, null, null, null);

        public bool IsTooManyTokens => Code == "max_tokens_per_request" || Type == "max_tokens_per_request";

        public bool IsAboutParameters =>
            Parameter is not null ? _requestParameters.Contains(Parameter) : Message is not null && ParametersPattern().IsMatch(Message);

        /// <summary>Null, if it is about something else or the figures make no sense.</summary>
        public TokenOverrun? Overrun => Message is not null && OverrunPattern().Match(Message) is { Success: true } match
            && int.TryParse(match.Groups["tokens"].Value, out var tokens) && int.TryParse(match.Groups["max"].Value, out var max)
                && tokens > max
            ? new TokenOverrun(tokens, max) : null;

        public bool Names(HashSet<string> codes) =>
            (Code is not null && codes.Contains(Code)) || (Type is not null && codes.Contains(Type));

        public static ErrorBody Parse(ReadOnlyMemory<byte> text)
        {
            try
            {
                using var body = JsonDocument.Parse(text);
                return body.RootElement.ValueKind == JsonValueKind.Object ? Read(body.RootElement) : _none;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return _none;
            }
        }

        // Servers like OpenAI's put the error's members at the top, or a mere text in its place.
        private static ErrorBody Read(JsonElement body) =>
            !body.TryGetProperty("error", out var error) ? Members(body)
            : error.ValueKind == JsonValueKind.Object ? Members(error)
            : new ErrorBody(error.ToString(), null, null, null);

        private static ErrorBody Members(JsonElement error) =>
            new(Text(error, "message"), Text(error, "code"), Text(error, "type"), Text(error, "param"));

        private static string? Text(JsonElement error, string name) =>
            error.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number
                ? value.ToString()
                : null;
    }
}
