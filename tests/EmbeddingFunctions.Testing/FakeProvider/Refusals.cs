namespace EmbeddingFunctions.Testing;

/// <summary>Error replies in OpenAI's words, where those are known.</summary>
internal static class Refusals
{
    public static readonly Refusal InvalidInput =
        new(400, "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.");

    public static readonly Refusal InvalidJson =
        new(
            400,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The "
                + "OpenAI API expects a JSON payload, but what was sent was not valid JSON.)");

    public static readonly Refusal MissingModel = new(400, "you must provide a model parameter");

    public static readonly Refusal MissingKey =
        new(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. "
                + "Authorization: Bearer YOUR_KEY). You can obtain an API key from https://platform.openai.com/account/api-keys.");

    public static readonly Refusal SlowDown =
        new(429, "The engine is receiving requests faster than usual. Please slow down and try again.", "rate_limit_error", "slow_down");

    public static readonly Refusal Overloaded =
        new(
            503, "The server is currently overloaded with other requests. Sorry about that! You can retry your request.",
            "service_unavailable_error", "server_is_overloaded");

    public static readonly Refusal DimensionsNotSupported = new(400, "This model does not support specifying dimensions.");

    public static Refusal DimensionsOutOfRange(int asked, int native) =>
        new(400, $"Invalid value for 'dimensions' = {asked}. Must be between 1 and {native}.");

    public static Refusal InvalidFormat(string asked) =>
        new(400, $"'{asked}' is not one of ['float', 'base64'] - 'encoding_format'");

    public static Refusal TooLong(int requested, int max) =>
        new(
            400,
            $"This model's maximum context length is {max} tokens, however you requested {requested} tokens ({requested} in your prompt; "
                + "0 for the completion). Please reduce your prompt; or completion length.");

    public static Refusal TooManyTokens(int requested, int max) =>
        new(400, $"Requested {requested} tokens, max {max} tokens per request", "max_tokens_per_request", "max_tokens_per_request");

    public static Refusal BadKey(string? presented, bool echoWhole) =>
        presented is null
            ? MissingKey
            : new(
                401,
                $"Incorrect API key provided: {(echoWhole ? presented : Mask(presented))}. You can find your API key at "
                    + "https://platform.openai.com/account/api-keys.",
                Code: "invalid_api_key");

    public static Refusal UnknownModel(string model) =>
        new(404, $"The model `{model}` does not exist or you do not have access to it.", Code: "model_not_found");

    public static Refusal RateLimited(string model, string unit, int limit, int used, int requested, TimeSpan? wait) =>
        new(
            429,
            $"Rate limit reached for {model} in organization org-fake on {unit} per min ({(unit == "tokens" ? "TPM" : "RPM")}): Limit "
                + $"{limit}, Used {used}, Requested "
                + $"{requested}.{(wait is { } hint ? $" Please try again in {GoDuration.Format(hint)}." : "")} Visit "
                + "https://platform.openai.com/account/rate-limits to learn more.",
            unit, "rate_limit_exceeded");

    public static Refusal LargerThanLimit(string model, int limit, int requested) =>
        new(
            429,
            $"Request too large for {model} in organization org-fake on tokens per min (TPM): Limit {limit}, Requested {requested}. The "
                + "input or output tokens must be reduced in order to run successfully. Visit "
                + "https://platform.openai.com/account/rate-limits to learn more.",
            "tokens", "rate_limit_exceeded");

    public static Refusal NoQuota(string code) =>
        new(
            429,
            "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the "
                + "docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
            "insufficient_quota", code);

    public static Refusal ServerError(int status) =>
        new(status, "The server had an error while processing your request. Sorry about that!", "server_error");

    private static string Mask(string key) =>
        key.Length < 12 ? new string('*', key.Length) : $"{key[..5]}{new string('*', key.Length - 9)}{key[^4..]}";
}
