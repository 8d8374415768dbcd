using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Providers;

/// <summary>Reads from a failed reply of OpenAI's endpoint, or of one like it, whose fault it was.</summary>
internal static partial class OpenAiFaults
{
    // Codes of an account that will not pay: the same status as a rate limit, but waiting does not help.
    private static readonly HashSet<string> _quotaCodes =
    [
        "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
    ];

    // A 400 about one of these is about how we ask, not about a text.
    private static readonly HashSet<string> _requestParameters = ["dimensions", "model", "encoding_format", "user"];

    public static ProviderException From(ClientResultException e)
    {
        var error = ErrorBody.Parse(e.GetRawResponse());
        var message = $"the provider answered {e.Status}{(error.Code is null ? "" : $" ({error.Code})")}: {error.Message ?? "no reason given"}";
        return new ProviderException(Classify(e.Status, error), message, e)
        {
            RetryAfter = RetryAfter(e.GetRawResponse()?.Headers),
            MaxTokensPerRequest = error.IsTooManyTokens ? MaxTokens(error.Message) : null,
        };
    }

    private static ProviderFault Classify(int status, ErrorBody error) => status switch
    {
        400 or 413 when error.IsTooManyTokens => ProviderFault.TooManyTokens,
        413 => ProviderFault.TooManyTokens,
        400 when error.Parameter is not null && _requestParameters.Contains(error.Parameter) => ProviderFault.Configuration,
        400 => ProviderFault.Item,
        429 when error.Names(_quotaCodes) => ProviderFault.Configuration,
        408 or 409 or 425 or 429 => ProviderFault.Passing,
        501 or 505 => ProviderFault.Configuration,
        >= 500 or 0 => ProviderFault.Passing,
        _ => ProviderFault.Configuration,
    };

    // Milliseconds are the exact hint and win; what is negative, not finite or unreadable is no hint.
    private static TimeSpan? RetryAfter(PipelineResponseHeaders? headers)
    {
        if (headers is null)
        {
            return null;
        }

        if (headers.TryGetValue("retry-after-ms", out var ms) && Positive(ms) is { } milliseconds)
        {
            return TimeSpan.FromMilliseconds(milliseconds);
        }

        if (!headers.TryGetValue("Retry-After", out var after))
        {
            return null;
        }

        if (Positive(after) is { } seconds)
        {
            return TimeSpan.FromSeconds(seconds);
        }

        return DateTimeOffset.TryParse(after, CultureInfo.InvariantCulture, out var date) && date > DateTimeOffset.UtcNow
            ? date - DateTimeOffset.UtcNow
            : null;
    }

    private static double? Positive(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
        && number > 0 && number <= TimeSpan.MaxValue.TotalMilliseconds / 2_000 ? number : null;

    private static int? MaxTokens(string? message) =>
        message is not null && MaxTokensPattern().Match(message) is { Success: true } match
        && int.TryParse(match.Groups[1].Value, out var max) ? max : null;

    [GeneratedRegex("max (?:of )?([0-9]+) tokens")]
    private static partial Regex MaxTokensPattern();

    private sealed record ErrorBody(string? Message, string? Code, string? Type, string? Parameter)
    {
        private static readonly ErrorBody _none = new(null, null, null, null);

        public bool IsTooManyTokens => Code == "max_tokens_per_request" || Type == "max_tokens_per_request";

        public bool Names(HashSet<string> codes) => (Code is not null && codes.Contains(Code)) || (Type is not null && codes.Contains(Type));

        public static ErrorBody Parse(PipelineResponse? response)
        {
            try
            {
                using var body = JsonDocument.Parse(response?.Content.ToMemory() ?? default);
                return body.RootElement.ValueKind == JsonValueKind.Object && body.RootElement.TryGetProperty("error", out var error)
                    ? error.ValueKind == JsonValueKind.Object
                        ? new ErrorBody(Text(error, "message"), Text(error, "code"), Text(error, "type"), Text(error, "param"))
                        : new ErrorBody(error.ToString(), null, null, null)
                    : _none;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return _none;
            }
        }

        private static string? Text(JsonElement error, string name) =>
            error.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.Number ? value.ToString() : null;
    }
}
