using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Resilience;

/// <summary>Limits belong to the provider, a circuit to the key: a refused key stops the processes that use it and no others.</summary>
/// <param name="Provider">Its address.</param>
/// <param name="Key">A name for the API key that reveals nothing of it.</param>
internal sealed record ProviderAccount(string Provider, string Key)
{
    private const int NameLength = 16;

    public static ProviderAccount Of(EmbeddingSettings settings) => new(
        settings.BaseUrl?.Authority ?? (settings.Provider == ProviderChoice.App ? "app" : "api.openai.com"),
        settings.ApiKey is { } key ? NameOf(key) : settings.UseEntra ? "entra" : "none");

    private static string NameOf(string key) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"embeddings {key}")))[..NameLength];
}
