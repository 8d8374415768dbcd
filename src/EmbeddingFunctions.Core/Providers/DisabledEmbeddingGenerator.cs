using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Providers;

/// <summary>
/// In place of a provider where <c>EMBEDDING_ENABLED</c> is false: a run that was begun before ends here, and no call is paid.
/// </summary>
internal sealed class DisabledEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Task.FromException<GeneratedEmbeddings<Embedding<float>>>(
            new ProviderException(ProviderFault.Configuration, EmbeddingSettings.Disabled));

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
