using System.ClientModel;
using System.ClientModel.Primitives;
using Azure.AI.OpenAI;
using Azure.Core;
using Azure.Identity;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;
using OpenAI;

namespace EmbeddingFunctions.OpenAI;

/// <summary>Makes the client of OpenAI, Azure OpenAI or a compatible server that the settings name.</summary>
internal static class ProviderFactory
{
    private static readonly Uri _openAi = new("https://api.openai.com/v1");

    private static readonly TimeSpan _longestCall = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan _longestConnect = TimeSpan.FromSeconds(8);

    /// <param name="settings">They name the provider.</param>
    /// <param name="longestCall">How long one call may take, 60 s unless said otherwise.</param>
    /// <param name="entra">Gives tokens where Azure is used without a key; null: the machine's own identity.</param>
    public static IEmbeddingGenerator<string, Embedding<float>> Create(
        EmbeddingSettings settings, TimeSpan? longestCall = null, TokenCredential? entra = null) =>
        new OpenAiEmbeddingGenerator(Client(settings, entra), Metadata(settings), new Redaction(settings), longestCall ?? _longestCall);

    /// <returns>The batch interface of the server that the settings name, or null where it is not to be used.</returns>
    public static IBatchLane? CreateLane(EmbeddingSettings settings) => settings.NoBatchLane is not null ? null
        : new OpenAiBatchLane(new HttpClient(Handler()) { Timeout = Timeout.InfiniteTimeSpan }, settings.BaseUrl ?? _openAi,
            settings.ApiKey ?? "none", new Redaction(settings));

    // The names are those of OpenTelemetry's conventions for GenAI.
    private static EmbeddingGeneratorMetadata Metadata(EmbeddingSettings settings) =>
        new(settings.IsAzure ? "azure.ai.openai" : "openai", settings.BaseUrl ?? _openAi, settings.Model);

    // A server on this machine may need no key, but the client requires one.
    private static OpenAIClient Client(EmbeddingSettings settings, TokenCredential? entra) => settings switch
    {
        { IsAzure: true, BaseUrl: { } resource, ApiKey: { } key } =>
            new AzureOpenAIClient(resource, new ApiKeyCredential(key), Configure(new AzureOpenAIClientOptions())),
        { IsAzure: true, BaseUrl: { } resource } =>
            new AzureOpenAIClient(resource, entra ?? new DefaultAzureCredential(), Configure(new AzureOpenAIClientOptions())),
        _ => new OpenAIClient(
            new ApiKeyCredential(settings.ApiKey ?? "none"), Configure(new OpenAIClientOptions { Endpoint = settings.BaseUrl ?? _openAi })),
    };

    private static T Configure<T>(T options) where T : ClientPipelineOptions
    {
        // The client's own policy repeats refusals within milliseconds, and those of an empty account too.
        options.RetryPolicy = new ClientRetryPolicy(maxRetries: 0);
        // Our time limit covers the whole call, the client's each read by itself.
        options.NetworkTimeout = Timeout.InfiniteTimeSpan;
        options.Transport = new HttpClientPipelineTransport(Connections());
        return options;
    }

    // A redirect would carry the key to wherever it points.
    private static HttpClient Connections() =>
        new(new ReplyLimit(Handler())) { Timeout = Timeout.InfiniteTimeSpan };

    private static SocketsHttpHandler Handler() => new()
    {
        AllowAutoRedirect = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        ConnectTimeout = _longestConnect,
    };
}
