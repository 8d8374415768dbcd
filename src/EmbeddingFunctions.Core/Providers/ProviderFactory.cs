using System.ClientModel;
using System.ClientModel.Primitives;
using Azure.Identity;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;
using OpenAI;

namespace EmbeddingFunctions.Providers;

/// <summary>Makes the provider that the settings choose.</summary>
internal static class ProviderFactory
{
    private const string AzureScope = "https://cognitiveservices.azure.com/.default";

    // For callers that name none; every corpus does.
    private const int StandardDimensions = 384;

    private static readonly TimeSpan _longestCall = TimeSpan.FromSeconds(60);

    /// <param name="settings">They name the provider.</param>
    /// <param name="localModel">Used where they name it.</param>
    /// <param name="longestCall">How long one call may take, 60 s unless said otherwise.</param>
    public static IEmbeddingGenerator<string, Embedding<float>> Create(
        EmbeddingSettings settings, ILocalModel? localModel = null, TimeSpan? longestCall = null) => settings.Provider switch
        {
            ProviderChoice.Local => localModel ?? throw new SettingsException([settings.NoLocalModel]),
            ProviderChoice.Lexical => new LexicalEmbeddingGenerator(StandardDimensions),
            _ => new OpenAiEmbeddingGenerator(Client(settings), settings.Model, new Redaction(settings), longestCall ?? _longestCall),
        };

    private static OpenAIClient Client(EmbeddingSettings settings)
    {
        var options = new OpenAIClientOptions
        {
            // The client's own policy repeats refusals within milliseconds, and those of an empty account too.
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            // Ours counts the whole call, the client's each read anew.
            NetworkTimeout = Timeout.InfiniteTimeSpan,
            Transport = new HttpClientPipelineTransport(Connections()),
        };
        if (settings.BaseUrl is not null)
        {
            options.Endpoint = settings.BaseUrl;
        }

        // A server on this machine may want no key, but the client wants one.
#pragma warning disable OPENAI001 // The client's only constructor that takes tokens is still marked as on trial.
        return settings.UseEntra
            ? new OpenAIClient(new BearerTokenPolicy(new DefaultAzureCredential(), AzureScope), options)
            : new OpenAIClient(new ApiKeyCredential(settings.ApiKey ?? "none"), options);
#pragma warning restore OPENAI001
    }

    // A redirect would carry the key to wherever it points.
    private static HttpClient Connections() =>
        new(new ReplyLimit(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }))
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
}
