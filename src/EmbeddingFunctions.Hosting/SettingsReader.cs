using System.Globalization;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Hosting;

/// <summary>Reads and checks the settings: nothing else looks at the environment.</summary>
internal static class SettingsReader
{
    private const int ShortestServerKey = 16;

    public static EmbeddingSettings FromEnvironment() =>
        Read(new ConfigurationBuilder().AddEnvironmentVariables().Build());

    /// <summary>The key alone, for who asks a host and needs no other setting.</summary>
    /// <exception cref="SettingsException">It cannot be a key.</exception>
    public static string? ServerKeyFromEnvironment()
    {
        var errors = new List<string>();
        var key = ServerKey(new ConfigurationBuilder().AddEnvironmentVariables().Build(), errors);
        return errors.Count == 0 ? key : throw new SettingsException(errors);
    }

    /// <exception cref="SettingsException">All that is wrong, in one message.</exception>
    public static EmbeddingSettings Read(IConfiguration configuration)
    {
        var errors = new List<string>();
        var apiKey = Key(configuration, "OPENAI_API_KEY", errors);
        var azure = Url(configuration, "AZURE_OPENAI_ENDPOINT", errors);
        var openAi = Url(configuration, "OPENAI_BASE_URL", errors);
        if (azure is not null && openAi is not null)
        {
            errors.Add($"AZURE_OPENAI_ENDPOINT ({azure.Host}) and OPENAI_BASE_URL ({openAi.Host}) are both set: keep one.");
        }

        var (provider, reason) = Provider(configuration, apiKey, azure ?? openAi, errors);
        if (provider == ProviderChoice.OpenAi && apiKey is null && azure is null && (openAi is null || !ServerUrl.IsLoopback(openAi)))
        {
            errors.Add("OPENAI_API_KEY is not set: set it, or EMBEDDING_PROVIDER=local to embed in this process, without a key.");
        }

        var settings = new EmbeddingSettings
        {
            Database = Database(configuration, errors),
            RedisUrl = Redis(configuration, errors),
            Provider = provider,
            ProviderReason = reason,
            IsEnabled = Flag(configuration, "EMBEDDING_ENABLED", fallback: true, errors),
            Model = Text(configuration, "EMBEDDING_MODEL") ?? "text-embedding-3-small",
            ApiKey = apiKey,
            BaseUrl = azure is null ? openAi : new Uri(azure.GetLeftPart(UriPartial.Authority)),
            IsAzure = azure is not null,
            RequestsPerMinute = Number(configuration, "EMBEDDING_REQUESTS_PER_MINUTE", 500, SettingRules.MaxRequestsPerMinute, errors),
            TokensPerMinute = Number(configuration, "EMBEDDING_TOKENS_PER_MINUTE", 1_000_000, SettingRules.MaxTokensPerMinute, errors),
            Concurrency = Number(configuration, "EMBEDDING_CONCURRENCY", 8, SettingRules.MaxConcurrency, errors),
            InputsPerRequest = Number(
                configuration, "EMBEDDING_INPUTS_PER_REQUEST", RequestPacker.MaxInputs, RequestPacker.MaxInputs, errors),
            QueryTimeout = TimeSpan.FromMilliseconds(
                Number(configuration, "EMBEDDING_QUERY_TIMEOUT_MS", 1_000, SettingRules.MaxQueryTimeout, errors)),
            QueuedTokens = Number(configuration, "EMBEDDING_BATCH_QUEUED_TOKENS", 3_000_000, SettingRules.MaxQueuedTokens, errors),
            HasBatchApi = Flag(configuration, "EMBEDDING_BATCH_API", fallback: false, errors),
            MaxDollarsPerDay = Dollars(configuration, "EMBEDDING_MAX_DOLLARS_PER_DAY", errors),
            MaxDollarsPerMonth = Dollars(configuration, "EMBEDDING_MAX_DOLLARS_PER_MONTH", errors),
            PricesFile = Text(configuration, "EMBEDDING_PRICES_FILE"),
            LogLevel = Level(configuration, errors),
            Schedule = Times(configuration, errors),
            ServerKey = ServerKey(configuration, errors),
            ReadKey = ReadKey(configuration, errors),
            CorporaFile = Text(configuration, "CORPORA_FILE"),
            SearchKeysFile = Text(configuration, "EMBEDDINGS_SEARCH_KEYS_FILE"),
            // OpenTelemetry reads this and its other variables itself.
            SendsTelemetry = Text(configuration, "OTEL_EXPORTER_OTLP_ENDPOINT") is not null,
            AlertUrl = AlertUrl(configuration, errors),
            AlertSecret = Secret(configuration, "EMBEDDINGS_ALERT_SECRET", errors),
            AlertForm = AlertForms(configuration, errors),
            ShowsTexts = Flag(configuration, "EMBEDDINGS_SHOW_TEXTS", fallback: false, errors),
        };
        return errors.Count == 0 ? settings : throw new SettingsException(errors);
    }

    private static string? Text(IConfiguration configuration, string name) =>
        configuration[name]?.Trim() is { Length: > 0 } value ? value : null;

    // Azure leaves a reference to a secret that it does not find as it is: a key that can be guessed.
    private static string? Secret(IConfiguration configuration, string name, List<string> errors)
    {
        var secret = Text(configuration, name);
        if (secret?.StartsWith("@Microsoft.KeyVault(", StringComparison.OrdinalIgnoreCase) == true)
        {
            errors.Add($"{name} refers to a secret that is not in the Key Vault, or that the app may not read.");
        }

        return secret;
    }

    // An HTTP header would refuse it later, and repeat it in the error.
    private static string? Key(IConfiguration configuration, string name, List<string> errors)
    {
        var key = Secret(configuration, name, errors);
        if (key is not null && key.Any(c => c is <= ' ' or > '~'))
        {
            errors.Add($"{name} holds a blank, a line break or a letter beyond ASCII, which no key does.");
        }

        return key;
    }

    // Guessing goes on for as long as a server runs.
    private static string? ServerKey(IConfiguration configuration, List<string> errors) =>
        ServerKey(configuration, "EMBEDDINGS_API_KEY", errors);

    private static string? ReadKey(IConfiguration configuration, List<string> errors)
    {
        var key = ServerKey(configuration, "EMBEDDINGS_READ_KEY", errors);
        if (key is not null && key == Text(configuration, "EMBEDDINGS_API_KEY"))
        {
            errors.Add("EMBEDDINGS_READ_KEY is the same as EMBEDDINGS_API_KEY: a key that may only look is another one.");
        }

        return key;
    }

    private static string? ServerKey(IConfiguration configuration, string name, List<string> errors)
    {
        var key = Key(configuration, name, errors);
        if (key?.Length < ShortestServerKey)
        {
            errors.Add($"{name} is shorter than {ShortestServerKey} characters: take a random one, as 'openssl rand -hex 32' makes it.");
        }

        return key;
    }

    // What is wrong with it is said without it: a webhook's address is its key.
    private static Uri? AlertUrl(IConfiguration configuration, List<string> errors)
    {
        const string Name = "EMBEDDINGS_ALERT_URL";
        if (Text(configuration, Name) is not { } value)
        {
            return null;
        }

        var isUrl = Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is ("http" or "https");
        if (!isUrl || (url!.Scheme == "http" && !ServerUrl.IsLoopback(url)))
        {
            errors.Add($"{Name} is no https address.");
        }

        return url;
    }

    private static AlertForm AlertForms(IConfiguration configuration, List<string> errors)
    {
        const string Name = "EMBEDDINGS_ALERT_FORM";
        var value = Text(configuration, Name) ?? nameof(AlertForm.Json);
        if (Enum.GetNames<AlertForm>().FirstOrDefault(form => form.Equals(value, StringComparison.OrdinalIgnoreCase)) is { } name)
        {
            return Enum.Parse<AlertForm>(name);
        }

        errors.Add($"{Name} is '{value}'; it takes json, slack or teams.");
        return AlertForm.Json;
    }

    private static string Times(IConfiguration configuration, List<string> errors)
    {
        var times = Text(configuration, "EMBEDDINGS_SCHEDULE") ?? "0 */15 * * * *";
        if (SettingRules.Schedule("EMBEDDINGS_SCHEDULE", times) is { } problem)
        {
            errors.Add(problem);
        }

        return times;
    }

    private static string? Redis(IConfiguration configuration, List<string> errors)
    {
        var value = Text(configuration, "REDIS_URL");
        if (value is null)
        {
            return null;
        }

        if (!(Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "redis" or "rediss" && url.Host.Length > 0))
        {
            errors.Add("REDIS_URL is not a Redis address: write it like redis://host:6379.");
        }
        else if (url.Scheme == "redis" && url.UserInfo.Contains(':', StringComparison.Ordinal) && !ServerUrl.IsLoopback(url))
        {
            errors.Add($"REDIS_URL would send its password unencrypted to {url.Host}: write it with rediss://, so that TLS is used.");
        }

        return value;
    }

    private static LogLevel? Level(IConfiguration configuration, List<string> errors)
    {
        const string Name = "EMBEDDINGS_LOG_LEVEL";
        if (Text(configuration, Name) is not { } value)
        {
            return null;
        }

        if (Enum.GetNames<LogLevel>().Contains(value, StringComparer.OrdinalIgnoreCase))
        {
            return Enum.Parse<LogLevel>(value, ignoreCase: true);
        }

        errors.Add($"{Name} is '{value}'; it takes {string.Join(", ", Enum.GetNames<LogLevel>())}.");
        return null;
    }

    private static (ProviderChoice, string) Provider(IConfiguration configuration, string? apiKey, Uri? server, List<string> errors)
    {
        switch (Text(configuration, "EMBEDDING_PROVIDER")?.ToLowerInvariant())
        {
            case "openai":
                return (ProviderChoice.OpenAi, "EMBEDDING_PROVIDER=openai");
            case "local":
                return (ProviderChoice.Local, "EMBEDDING_PROVIDER=local");
            case "lexical":
                return (ProviderChoice.Lexical, "EMBEDDING_PROVIDER=lexical");
            case { } other:
                errors.Add($"EMBEDDING_PROVIDER is '{other}'; it takes openai, local or lexical.");
                return (ProviderChoice.Local, "");
            default:
                return server is not null ? (ProviderChoice.OpenAi, "a base URL is set")
                    : apiKey is not null ? (ProviderChoice.OpenAi, "OPENAI_API_KEY is set")
                    : (ProviderChoice.Local, "neither a key nor a base URL is set");
        }
    }

    private static Uri? Url(IConfiguration configuration, string name, List<string> errors)
    {
        if (Text(configuration, name) is not { } value)
        {
            return null;
        }

        var (url, problem) = ServerUrl.Read(value);
        if (problem is not null)
        {
            errors.Add($"{name} {problem}");
        }

        return url;
    }

    private static bool Flag(IConfiguration configuration, string name, bool fallback, List<string> errors)
    {
        switch (Text(configuration, name)?.ToLowerInvariant())
        {
            case null:
                return fallback;
            case "true" or "1":
                return true;
            case "false" or "0":
                return false;
            case { } other:
                errors.Add($"{name} is '{other}'; it takes true or false.");
                return fallback;
        }
    }

    private static int Number(IConfiguration configuration, string name, int fallback, int max, List<string> errors)
    {
        if (Text(configuration, name) is not { } value)
        {
            return fallback;
        }

        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= max)
        {
            return number;
        }

        errors.Add(SettingRules.NoNumber(name, value, max));
        return fallback;
    }

    private static decimal? Dollars(IConfiguration configuration, string name, List<string> errors)
    {
        if (Text(configuration, name) is not { } value)
        {
            return null;
        }

        if (decimal.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var dollars) && dollars > 0)
        {
            return dollars;
        }

        errors.Add(SettingRules.NoDollars(name, value));
        return null;
    }

    private static string? Database(IConfiguration configuration, List<string> errors)
    {
        if (Text(configuration, "DATABASE_URL") is not { } value)
        {
            return null;
        }

        try
        {
            return DatabaseUrl.ToConnectionString(value);
        }
        catch (FormatException e)
        {
            errors.Add($"DATABASE_URL {e.Message}");
            return null;
        }
    }
}
