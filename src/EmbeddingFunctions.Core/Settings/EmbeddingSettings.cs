using System.Text.Json.Serialization;
using EmbeddingFunctions.Corpora;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Settings;

/// <summary>Everything that can be set from outside: in the environment of a host, or in the options of an app.</summary>
internal sealed record EmbeddingSettings
{
    /// <summary>The sentence model that the provider <c>local</c> runs in its own process.</summary>
    public const string LocalModel = "all-MiniLM-L6-v2";

    /// <summary>Of that model's vectors; a wider corpus gets them filled up with zeros.</summary>
    public const int LocalDimensions = 384;

    // It reads 256 word pieces, which may be shorter than the tokens that chunks are measured in.
    private const int LocalChunk = 200;

    /// <summary>The name of the provider <c>lexical</c>'s vectors: to be changed together with anything that changes one.</summary>
    public const string LexicalModel = "lexical-1";

    /// <summary>The answer to a request for a run where embedding is switched off.</summary>
    public const string Disabled = "EMBEDDING_ENABLED is false: nothing is embedded until it is true again.";

    /// <summary>A connection string that Npgsql reads, or null: use the embedded Postgres.</summary>
    [JsonIgnore]
    public string? Database { get; init; }

    [JsonIgnore]
    public string? RedisUrl { get; init; }

    public required ProviderChoice Provider { get; init; }

    /// <summary>Why <see cref="Provider"/> was chosen, for the line that the program says about it.</summary>
    public required string ProviderReason { get; init; }

    /// <summary>False: nothing is embedded and no provider called, whatever is requested.</summary>
    public bool IsEnabled { get; init; } = true;

    public string Model { get; init; } = "text-embedding-3-small";

    [JsonIgnore]
    public string? ApiKey { get; init; }

    /// <summary>An Azure OpenAI resource, or the base of a compatible server up to and including <c>/v1</c>; null: OpenAI itself.</summary>
    public Uri? BaseUrl { get; init; }

    /// <summary>Whether <see cref="BaseUrl"/> is an Azure OpenAI resource, whose deployments are named like models.</summary>
    public bool IsAzure { get; init; }

    /// <summary>Whether to ask Entra for tokens: an Azure endpoint without a key.</summary>
    public bool UseEntra => IsAzure && ApiKey is null;

    public int RequestsPerMinute { get; init; } = 500;

    public int TokensPerMinute { get; init; } = 1_000_000;

    /// <summary>
    /// The tokens that the account may have in batches at a time, of each model; the default is what OpenAI's first paid tier allows.
    /// </summary>
    public int QueuedTokens { get; init; } = 3_000_000;

    /// <summary>Whether the server at <see cref="BaseUrl"/> is known to have OpenAI's batch interface.</summary>
    public bool HasBatchApi { get; init; }

    /// <summary>Why the batch lane cannot be used, and what to do instead; null: it can.</summary>
    public string? NoBatchLane => this switch
    {
        { Provider: not ProviderChoice.OpenAi } =>
            $"The batch lane is OpenAI's, and the provider is {ProviderName}: leave --lane out, or set EMBEDDING_PROVIDER=openai.",
        { IsAzure: true } =>
            "The batch lane is OpenAI's, and Azure OpenAI takes no embeddings in batches: leave --lane out, or set OPENAI_API_KEY without "
                + "AZURE_OPENAI_ENDPOINT.",
        { BaseUrl: { } server, HasBatchApi: false } when server.Host != "api.openai.com" =>
            $"The batch lane is OpenAI's, and the provider is {server.Authority}: leave --lane out or, if that server has OpenAI's Batch "
                + "API, set EMBEDDING_BATCH_API=true.",
        _ => null,
    };

    /// <summary>The dollars that all processes together may spend in a day of UTC; null: no cap.</summary>
    public decimal? MaxDollarsPerDay { get; init; }

    /// <summary>The dollars that all processes together may spend in a month of UTC; null: no cap.</summary>
    public decimal? MaxDollarsPerMonth { get; init; }

    /// <summary>A file of prices that come before the shipped ones; null: there is none.</summary>
    public string? PricesFile { get; init; }

    /// <summary>What is logged; null: what the host shows by itself.</summary>
    public LogLevel? LogLevel { get; init; }

    /// <summary>The most inputs of one request; the default is what OpenAI accepts.</summary>
    public int InputsPerRequest { get; init; } = Texts.RequestPacker.MaxInputs;

    /// <summary>Requests in flight in one process.</summary>
    public int Concurrency { get; init; } = 8;

    /// <summary>How long a search waits for the vector of its query.</summary>
    public TimeSpan QueryTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Batches in flight in one run: a few more than requests, which load and write while the others wait for the provider.
    /// </summary>
    public int BatchesInFlight => Concurrency + Math.Max(1, Concurrency / 4);

    /// <summary>When a host looks which corpora are due: an NCrontab expression, in UTC.</summary>
    public string Schedule { get; init; } = "0 */15 * * * *";

    /// <summary>The key of the local server's HTTP API, or of the host that a trigger is sent to.</summary>
    [JsonIgnore]
    public string? ServerKey { get; init; }

    /// <summary>A key that may look at figures, and neither change anything nor see texts; null: there is none.</summary>
    [JsonIgnore]
    public string? ReadKey { get; init; }

    /// <summary>A file of keys that may only search; null: there are none.</summary>
    public string? SearchKeysFile { get; init; }

    /// <summary>Whether spans, metrics and log lines are sent to a collector of OpenTelemetry.</summary>
    public bool SendsTelemetry { get; init; }

    /// <summary>Where alerts are sent, which may have a secret in it; null: nowhere.</summary>
    [JsonIgnore]
    public Uri? AlertUrl { get; init; }

    /// <summary>Signs alerts; null: they are not signed.</summary>
    [JsonIgnore]
    public string? AlertSecret { get; init; }

    public AlertForm AlertForm { get; init; }

    /// <summary>Whether the HTTP API shows the texts of failed items.</summary>
    public bool ShowsTexts { get; init; }

    /// <summary>The user's own declarations; null: the shipped ones.</summary>
    public string? CorporaFile { get; init; }

    /// <summary>Which model embeds a corpus: vectors of different models stand in one column only while a person allows it.</summary>
    public string ModelFor(Corpus corpus) => OwnModel ?? corpus.Model ?? Model;

    /// <summary>Which model embeds the corpora that declare none.</summary>
    public string DefaultModel => OwnModel ?? Model;

    /// <summary>Whether the provider is a server, whose calls are paid for and limited, and not this process.</summary>
    public bool IsRemote => Provider is ProviderChoice.OpenAi or ProviderChoice.App;

    /// <summary>The provider for people: the server's name, or what makes the vectors in this process.</summary>
    public string ProviderName => Provider switch
    {
        ProviderChoice.Local => "local",
        ProviderChoice.Lexical => "lexical (hashed words, for trials)",
        ProviderChoice.App => BaseUrl?.Authority ?? "the app's generator",
        _ => BaseUrl?.Authority ?? "OpenAI",
    };

    /// <returns>Why the model cannot embed the corpus, or null.</returns>
    public string? MisfitOf(Corpus corpus) =>
        Provider == ProviderChoice.Local && corpus.Dimensions < LocalDimensions ? TooFewForLocal(corpus.Dimensions) : null;

    /// <returns>Why the model cannot embed such chunks, or null.</returns>
    public string? MisfitOf(Chunks chunks) =>
        Provider == ProviderChoice.Local && chunks.MaxTokens > LocalChunk
            ? $"chunks have maxTokens {chunks.MaxTokens}, more than the local model {LocalModel} reads: declare {LocalChunk} or fewer"
            : null;

    public static string TooFewForLocal(int dimensions) =>
        $"the local model {LocalModel} makes {LocalDimensions} dimensions, which do not fit into {dimensions}: "
        + $"declare {LocalDimensions} or more, or set EMBEDDING_PROVIDER=lexical, which makes vectors of any width";

    // In this process there is one, whatever a corpus declares.
    private string? OwnModel => Provider switch
    {
        ProviderChoice.Local => LocalModel,
        ProviderChoice.Lexical => LexicalModel,
        _ => null,
    };

    /// <summary>The message where the host does not carry the local model.</summary>
    internal string NoLocalModel => $"The provider is local ({ProviderReason}), but this host does not carry the local model: "
        + "set OPENAI_API_KEY or AZURE_OPENAI_ENDPOINT, or EMBEDDING_PROVIDER=lexical to try out without a model.";

    /// <exception cref="SettingsException">Nothing may be embedded.</exception>
    public void EnsureEnabled()
    {
        if (!IsEnabled)
        {
            throw new SettingsException([Disabled]);
        }
    }

    /// <exception cref="SettingsException">None is set, where there is no embedded Postgres to use instead.</exception>
    public string EnsureDatabase() => Database
        ?? throw new SettingsException(["DATABASE_URL is not set: write it like postgres://user:password@host:5432/database."]);

    /// <summary>Names no secret, where a record would print all it has.</summary>
    public override string ToString() => $"{Provider} ({ProviderReason}), {Model}";
}

internal enum ProviderChoice
{
    /// <summary>OpenAI, Azure OpenAI or a compatible server.</summary>
    OpenAi,

    /// <summary>A sentence model in this process, in the hosts that carry it.</summary>
    Local,

    /// <summary>Hashed words in this process: no model, any width, for tests and bulk trials.</summary>
    Lexical,

    /// <summary>The generator of the app that uses this library.</summary>
    App,
}
