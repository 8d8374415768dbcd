using System.Text;

namespace EmbeddingFunctions.Texts;

/// <summary>
/// How many tokens a text has by a guess at the model's tokenizer. It leans to the high side for the languages of Europe and East Asia,
/// and is far too low for many scripts and for random letters: about 4 letters a token in a word, 3 digits, 1 mark or other letter, and
/// 2 or 3 tokens for an East Asian character or an emoji.
/// </summary>
internal sealed class TokenEstimate : TokenCounter
{
    public static readonly TokenEstimate Counter = new();

    private const int LettersPerToken = 4;
    private const int DigitsPerToken = 3;
    private const int FirstEastAsian = 0x2E80;
    private const int FirstBeyondBmp = 0x10000;

    // Every character is a byte or more, and a token at most four bytes.
    private const int CharactersPerToken = 4;

    private TokenEstimate()
    {
    }

    public override string Name => "estimate";

    public override bool IsExact => false;

    /// <returns>The estimate, never below the provider's own quick one of a quarter token for a UTF-8 byte.</returns>
    public static int Of(ReadOnlySpan<char> text)
    {
        var (tokens, bytes) = Tally(text);
        return Math.Max(Math.Max(tokens, (bytes + 3) / 4), text.IsEmpty ? 0 : 1);
    }

    public override int Count(ReadOnlySpan<char> text) => Of(text);

    public override int Reach(ReadOnlySpan<char> text, int maxTokens, out int tokens)
    {
        var (low, high) = (0, (int)Math.Min(text.Length, (long)maxTokens * CharactersPerToken));
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = Of(text[..middle]) <= maxTokens ? (middle, high) : (low, middle - 1);
        }

        var end = low > 0 && low < text.Length && char.IsSurrogatePair(text[low - 1], text[low]) ? low - 1 : low;
        tokens = Of(text[..end]);
        return end;
    }

    // Most texts are ASCII, and this is the one loop over every character of them.
    private static (int Tokens, int Bytes) Tally(ReadOnlySpan<char> text)
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

            Rune.DecodeFromUtf16(text[i..], out var rune, out var length);
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
