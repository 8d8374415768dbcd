using System.Text;

namespace EmbeddingFunctions.Texts;

/// <summary>
/// How many tokens a text has, without the model's own tokeniser: for packing requests, budgets and prices.
/// It leans to the high side: about 4 letters a token in a word, 3 digits, 1 mark or other letter, and
/// 2 or 3 tokens for an East Asian character or an emoji.
/// </summary>
internal static class TokenEstimate
{
    /// <summary>The most tokens of one input: OpenAI's texts say both 8,191 and 8,192.</summary>
    public const int MaxInput = 8_191;

    private const int LettersPerToken = 4;
    private const int DigitsPerToken = 3;
    private const int FirstEastAsian = 0x2E80;
    private const int FirstBeyondBmp = 0x10000;

    /// <returns>The estimate, never below the provider's own quick one of a quarter token for a UTF-8 byte.</returns>
    public static int Of(string text)
    {
        var (tokens, bytes) = Count(text);
        return Math.Max(Math.Max(tokens, (bytes + 3) / 4), text.Length == 0 ? 0 : 1);
    }

    /// <returns>The text, cut on a character's border to what one input may hold.</returns>
    public static string CutToInput(string text)
    {
        // Byte-level tokenisers never make more tokens than bytes, so short texts need no counting.
        if (Encoding.UTF8.GetByteCount(text) <= MaxInput || Of(text) <= MaxInput)
        {
            return text;
        }

        var (low, high) = (0, text.Length);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = Of(NormalizedText.Cut(text, middle)) <= MaxInput ? (middle, high) : (low, middle - 1);
        }

        return NormalizedText.Cut(text, low).TrimEnd();
    }

    // Most texts are ASCII, and this is the one loop over every character of them.
    private static (int Tokens, int Bytes) Count(string text)
    {
        var (tokens, bytes, letters, digits) = (0, 0, 0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            bytes++;
            if (char.IsAsciiLetter(c))
            {
                digits = 0;
                tokens += letters++ % LettersPerToken == 0 ? 1 : 0;
                continue;
            }

            letters = 0;
            if (char.IsAsciiDigit(c))
            {
                tokens += digits++ % DigitsPerToken == 0 ? 1 : 0;
                continue;
            }

            digits = 0;
            if (char.IsAscii(c))
            {
                tokens += char.IsWhiteSpace(c) ? 0 : 1;
                continue;
            }

            Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var length);
            i += length - 1;
            bytes += rune.Utf8SequenceLength - 1;
            tokens += TokensOf(rune);
        }

        return (tokens, bytes);
    }

    private static int TokensOf(Rune rune) =>
        Rune.IsWhiteSpace(rune) ? 0
        : rune.Value >= FirstBeyondBmp ? 3
        : rune.Value >= FirstEastAsian ? 2
        : 1;
}
