using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Hosting;

/// <summary>Reads and checks the settings: nothing else looks at the environment.</summary>
internal static class SettingsReader
{
    // Guessing goes on for as long as a server runs.
    private const int ShortestServerKey = 16;

    public static EmbeddingSettings FromEnvironment() => Read(Environment());

    /// <summary>The key alone, for a caller of a host that needs no other setting.</summary>
    /// <exception cref="SettingsException">It cannot be a key.</exception>
    public static string? ServerKeyFromEnvironment()
    {
        var values = new SettingValues(Environment());
        return values.Checked(ServerKey(values));
    }

    /// <exception cref="SettingsException">All that is wrong, in one message.</exception>
    public static EmbeddingSettings Read(IConfiguration configuration)
    {
        var values = new SettingValues(configuration);
        var apiKey = values.Key("OPENAI_API_KEY");
        var azure = values.Url("AZURE_OPENAI_ENDPOINT");
        var openAi = values.Url("OPENAI_BASE_URL");
        if (azure is not null && openAi is not null)
        {
            values.Refuse($"AZURE_OPENAI_ENDPOINT ({azure.Host}) and OPENAI_BASE_URL ({openAi.Host}) are both set: keep one.");
        }

        var (provider, reason) = Provider(values, apiKey, azure ?? openAi);
        if (provider == ProviderChoice.OpenAi && apiKey is null && azure is null && (openAi is null || !ServerUrl.IsLoopback(openAi)))
        {
            values.Refuse("OPENAI_API_KEY is not set: set it, or EMBEDDING_PROVIDER=local to embed in this process, without a key.");
        }

        return values.Checked(new EmbeddingSettings
        {
            Database = Database(values),
            RedisUrl = Redis(values),
            Provider = provider,
            ProviderReason = reason,
            IsEnabled = values.Flag("EMBEDDING_ENABLED", fallback: true),
            Model = values.Text("EMBEDDING_MODEL") ?? "text-embedding-3-small",
            ApiKey = apiKey,
            BaseUrl = azure is null ? openAi : new Uri(azure.GetLeftPart(UriPartial.Authority)),
            IsAzure = azure is not null,
            RequestsPerMinute = values.Number("EMBEDDING_REQUESTS_PER_MINUTE", 500, SettingRules.MaxRequestsPerMinute),
            TokensPerMinute = values.Number("EMBEDDING_TOKENS_PER_MINUTE", 1_000_000, SettingRules.MaxTokensPerMinute),
            Concurrency = values.Number("EMBEDDING_CONCURRENCY", 8, SettingRules.MaxConcurrency),
            InputsPerRequest = values.Number("EMBEDDING_INPUTS_PER_REQUEST", RequestPacker.MaxInputs, RequestPacker.MaxInputs),
            QueryTimeout = TimeSpan.FromMilliseconds(
                values.Number("EMBEDDING_QUERY_TIMEOUT_MS", 1_000, SettingRules.MaxQueryTimeout)),
            QueuedTokens = values.Number("EMBEDDING_BATCH_QUEUED_TOKENS", 3_000_000, SettingRules.MaxQueuedTokens),
            HasBatchApi = values.Flag("EMBEDDING_BATCH_API"),
            MaxDollarsPerDay = values.Dollars("EMBEDDING_MAX_DOLLARS_PER_DAY"),
            MaxDollarsPerMonth = values.Dollars("EMBEDDING_MAX_DOLLARS_PER_MONTH"),
            PricesFile = values.Text("EMBEDDING_PRICES_FILE"),
            LogLevel = values.OneOf<LogLevel>("EMBEDDINGS_LOG_LEVEL"),
            Schedule = Schedule(values),
            ServerKey = ServerKey(values),
            ReadKey = ReadKey(values),
            CorporaFile = values.Text("CORPORA_FILE"),
            SearchKeysFile = values.Text("EMBEDDINGS_SEARCH_KEYS_FILE"),
            // OpenTelemetry reads this and its other variables itself.
            SendsTelemetry = values.Text("OTEL_EXPORTER_OTLP_ENDPOINT") is not null,
            AlertUrl = AlertUrl(values),
            AlertSecret = values.Secret("EMBEDDINGS_ALERT_SECRET"),
            AlertForm = values.OneOf<AlertForm>("EMBEDDINGS_ALERT_FORM") ?? AlertForm.Json,
            ShowsTexts = values.Flag("EMBEDDINGS_SHOW_TEXTS"),
        });
    }

    private static IConfiguration Environment() => new ConfigurationBuilder().AddEnvironmentVariables().Build();

    private static string? ServerKey(SettingValues values) => values.Key("EMBEDDINGS_API_KEY", ShortestServerKey);

    private static string? ReadKey(SettingValues values)
    {
        var key = values.Key("EMBEDDINGS_READ_KEY", ShortestServerKey);
        if (key is not null && key == values.Text("EMBEDDINGS_API_KEY"))
        {
            values.Refuse("EMBEDDINGS_READ_KEY is the same as EMBEDDINGS_API_KEY: a key that may only look is another one.");
        }

        return key;
    }

    // A problem is reported without the value: a webhook's address is its key.
    private static Uri? AlertUrl(SettingValues values)
    {
        const string Name = "EMBEDDINGS_ALERT_URL";
        if (values.Text(Name) is not { } value)
        {
            return null;
        }

        var isUrl = Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is ("http" or "https");
        if (!isUrl || (url!.Scheme == "http" && !ServerUrl.IsLoopback(url)))
        {
            values.Refuse($"{Name} is no https address.");
        }

        return url;
    }

    private static string Schedule(SettingValues values)
    {
        const string Name = "EMBEDDINGS_SCHEDULE";
        var times = values.Text(Name) ?? "0 */15 * * * *";
        if (SettingRules.Schedule(Name, times) is { } problem)
        {
            values.Refuse(problem);
        }

        return times;
    }

    private static string? Redis(SettingValues values)
    {
        var value = values.Text("REDIS_URL");
        if (value is null)
        {
            return null;
        }

        if (!(Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "redis" or "rediss" && url.Host.Length > 0))
        {
            values.Refuse("REDIS_URL is not a Redis address: write it like redis://host:6379.");
        }
        else if (url.Scheme == "redis" && url.UserInfo.Contains(':', StringComparison.Ordinal) && !ServerUrl.IsLoopback(url))
        {
            values.Refuse($"REDIS_URL would send its password unencrypted to {url.Host}: write it with rediss://, so that TLS is used.");
        }

        return value;
    }

    private static (ProviderChoice, string) Provider(SettingValues values, string? apiKey, Uri? server)
    {
        const string Name = "EMBEDDING_PROVIDER";
        return values.OneOf(Name, ProviderChoice.OpenAi, ProviderChoice.Local, ProviderChoice.Lexical) is { } choice
            ? (choice, $"{Name}={choice.ToString().ToLowerInvariant()}")
            : server is not null ? (ProviderChoice.OpenAi, "a base URL is set")
            : apiKey is not null ? (ProviderChoice.OpenAi, "OPENAI_API_KEY is set")
            : (ProviderChoice.Local, "neither a key nor a base URL is set");
    }

    private static string? Database(SettingValues values)
    {
        const string Name = "DATABASE_URL";
        try
        {
            return values.Text(Name) is { } value ? DatabaseUrl.ToConnectionString(value) : null;
        }
        catch (FormatException e)
        {
            values.Refuse($"{Name} {e.Message}");
            return null;
        }
    }
}
