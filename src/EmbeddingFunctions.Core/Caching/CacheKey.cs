using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.Caching;

/// <summary>A fingerprint as one provider's: the same model's name may mean another model elsewhere.</summary>
internal sealed class CacheKey(EmbeddingSettings settings)
{
    private readonly byte[] _provider = Encoding.UTF8.GetBytes($"{settings.Provider} {settings.BaseUrl?.Authority}\u001f");

    /// <returns>32 bytes.</returns>
    public byte[] Of(string fingerprint) => SHA256.HashData([.. _provider, .. Encoding.ASCII.GetBytes(fingerprint)]);
}
