using EmbeddingFunctions;
using EmbeddingFunctions.OpenAI;
using EmbeddingFunctions.Providers;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds what is known of OpenAI's and Azure OpenAI's replies.</summary>
public static class OpenAIServices
{
    /// <summary>
    /// Classifies the exceptions of an app's generator that uses the client of OpenAI or Azure OpenAI by the reply's body and headers: an
    /// exhausted quota from a rate limit, a text that is too long from a request that is too large, and how long to wait.
    /// </summary>
    public static EmbeddingsBuilder AddOpenAIFaults(this EmbeddingsBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<IProviderFaults, OpenAiProviderFaults>());
        return builder;
    }
}
