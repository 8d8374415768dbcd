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
        var bytes = new byte[_prefix.Length + Encoding.UTF8.GetByteCount(normalizedText)];
        _prefix.CopyTo(bytes, 0);
        Encoding.UTF8.GetBytes(normalizedText, bytes.AsSpan(_prefix.Length));
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
