using System.Security.Cryptography;
using System.Text;

namespace EmbeddingFunctions.Texts;

/// <summary>
/// Everything but the text that decides a vector: normaliser, template, model, dimensions, and what becomes of long texts.
/// </summary>
/// <param name="longText">The mode and its numbers.</param>
internal sealed class EmbeddingRule(string template, string model, int dimensions, string longText = "")
{
    private const char Separator = '\u001f';

    private readonly byte[] _prefix = Encoding.UTF8.GetBytes(
        string.Join(Separator, NormalizedText.Version, template, model, dimensions) + Separator);

    private readonly byte[] _longText = Encoding.UTF8.GetBytes(longText + Separator);

    public string Model { get; } = model;

    public int Dimensions { get; } = dimensions;

    /// <summary>A short name of the rule, kept with every vector that was made under it.</summary>
    public string Id => field ??= Convert.ToHexStringLower(SHA256.HashData([.. _prefix, .. _longText]))[..12];

    /// <returns>The fingerprint of a text that is sent as it is: SHA-256 over rule and text, 64 hexadecimal digits.</returns>
    public string Fingerprint(string normalizedText) => Hash(_prefix, normalizedText);

    /// <returns>The fingerprint of a text that is embedded in parts: which they are decides its vector too.</returns>
    public string FingerprintOfParts(string normalizedText) => Hash([.. _prefix, .. _longText], normalizedText);

    private static string Hash(byte[] prefix, string text)
    {
        var bytes = new byte[prefix.Length + Encoding.UTF8.GetByteCount(text)];
        prefix.CopyTo(bytes, 0);
        Encoding.UTF8.GetBytes(text, bytes.AsSpan(prefix.Length));
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
