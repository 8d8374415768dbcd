using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Limits;

/// <summary>Whose state it is: the limits are the provider's, whatever the key; a refused key stops those that use it, and another key is tried at once.</summary>
/// <param name="Provider">Its address.</param>
/// <param name="Key">A name for the key that says nothing of it.</param>
internal sealed record ProviderAccount(string Provider, string Key)
{
    private const int NameLength = 16;

    public static ProviderAccount Of(EmbeddingSettings settings) => new(
        settings.BaseUrl?.Authority ?? "api.openai.com",
        settings.ApiKey is { } key ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"embeddings {key}")))[..NameLength] : settings.UseEntra ? "entra" : "none");
}
