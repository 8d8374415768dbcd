namespace EmbeddingFunctions.Testing;

/// <summary>
/// What a <see cref="FakeOpenAi"/> demands and allows; the defaults are OpenAI's published limits, with no rate limit and no latency.
/// </summary>
public sealed record FakeOpenAiOptions
{
    public const string DefaultApiKey = "sk-test-canary-0123456789abcdef";

    /// <summary>The bearer token demanded at first; see <see cref="FakeOpenAi.ApiKey"/>.</summary>
    public string ApiKey { get; init; } = DefaultApiKey;

    /// <summary>Whether a 401 repeats the presented key in full, instead of masking its middle as OpenAI does.</summary>
    public bool EchoWholeKey { get; init; }

    /// <summary>The models known, each with its native number of dimensions; any other model is answered 404.</summary>
    public IReadOnlyDictionary<string, int> Models { get; init; } = new Dictionary<string, int>
    {
        ["text-embedding-3-small"] = 1536,
        ["text-embedding-3-large"] = 3072,
        ["text-embedding-ada-002"] = 1536,
    };

    public int MaxInputs { get; init; } = 2048;

    /// <summary>Tokens allowed in one input, by <see cref="CountTokens"/>.</summary>
    public int MaxInputTokens { get; init; } = 8192;

    /// <summary>Tokens allowed in one request, by the endpoint's estimate of a quarter token a UTF-8 byte.</summary>
    public int MaxRequestTokens { get; init; } = 300_000;

    /// <summary>The tokenizer.</summary>
    public Func<string, int> CountTokens { get; init; } = FakeTokens.Count;

    /// <summary>Requests allowed in any 60 seconds; null for no limit.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens allowed in any 60 seconds; null for no limit.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>
    /// Whether <see cref="RequestsPerMinute"/> is also enforced over its shorter span: 120 a minute as 2 a second, 30 as 1 in 2 seconds.
    /// </summary>
    public bool EnforcePerSecond { get; init; }

    /// <summary>How long a reply with vectors takes, its computation included; refusals are immediate.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>Whether the audit keeps the texts; when false it keeps only their SHA-256.</summary>
    public bool KeepTexts { get; init; } = true;

    /// <summary>The clock of the rate limits and of the arrival times; latency and hangs are always real time.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>The port on 127.0.0.1; 0 takes a free one.</summary>
    public int Port { get; init; }
}
