using System.Security.Cryptography;
using System.Text;

namespace EmbeddingFunctions.Texts;

/// <summary>All that decides a vector besides the text: normaliser, template, model and dimensions.</summary>
internal sealed class EmbeddingRule(string template, string model, int dimensions)
{
    private const char Separator = '\u001f';

    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(
        string.Join(Separator, NormalizedText.Version, template, model, dimensions) + Separator);

    public string Model { get; } = model;

    public int Dimensions { get; } = dimensions;

    /// <summary>A short name of the rule, kept with every vector that was made under it.</summary>
    public string Id => Convert.ToHexStringLower(SHA256.HashData(_prefix))[..12];

    /// <returns>The text's fingerprint: SHA-256 over rule and text, 64 hexadecimal digits.</returns>
    public string Fingerprint(string normalizedText)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(_prefix);
        hash.AppendData(Encoding.UTF8.GetBytes(normalizedText));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
