using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace EmbeddingFunctions.Testing;

/// <summary>How the fake counts tokens.</summary>
public static partial class FakeTokens
{
    private static readonly Lazy<TiktokenTokenizer> _cl100k = new(() => TiktokenTokenizer.CreateForEncoding("cl100k_base"));

    /// <summary>
    /// As OpenAI's embedding models do, whole texts at once: a word of ten thousand letters takes it a tenth of a second, ten such a
    /// hundred times as long.
    /// </summary>
    public static int Count(string text) => SpecialPattern().Split(text).Sum(part => _cl100k.Value.CountTokens(part));

    // In a text the name of a special token is text like any other.
    [GeneratedRegex(@"(?<=<\|)(?=\p{L})")]
    private static partial Regex SpecialPattern();

    /// <summary>The estimate the endpoint holds against its limit a request: a quarter token a byte, rounded up.</summary>
    public static int Estimate(string text) => (Encoding.UTF8.GetByteCount(text) + 3) / 4;
}
