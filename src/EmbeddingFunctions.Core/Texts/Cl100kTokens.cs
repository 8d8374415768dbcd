using Microsoft.ML.Tokenizers;

namespace EmbeddingFunctions.Texts;

/// <summary>
/// The tokens of OpenAI's embedding models. The tokenizer is given pieces of a text, for two reasons: its time grows with the square of a
/// run of letters, marks or blanks, so that long ones are cut, at the price of a token more a cut; and the name of a special token, as
/// <c>&lt;|endoftext|&gt;</c>, is plain text to the endpoint, but to the tokenizer one token or several, by what it counted before.
/// </summary>
internal sealed class Cl100kTokens : TokenCounter
{
    public static readonly Cl100kTokens Counter = new();

    // 128 spaces are one token.
    private const int LongestRun = 512;

    // Only so that what is far behind the tokens that are asked for is not looked at.
    private const int LongPiece = 8_192;

    // Half a second and 20 MB, so only where something has to be counted.
    private static readonly Lazy<TiktokenTokenizer> _tokenizer = new(() => TiktokenTokenizer.CreateForEncoding("cl100k_base"));

    private Cl100kTokens()
    {
    }

    private enum Kind
    {
        Letter,
        Number,
        Space,
        Mark,
    }

    public override string Name => "cl100k";

    public override bool IsExact => true;

    public override int Count(ReadOnlySpan<char> text)
    {
        var tokens = 0;
        for (var length = 0; text.Length > 0; text = text[length..])
        {
            length = Piece(text);
            tokens += _tokenizer.Value.CountTokens(text[..length]);
        }

        return tokens;
    }

    public override int Reach(ReadOnlySpan<char> text, int maxTokens, out int tokens)
    {
        var reached = 0;
        for (tokens = 0; reached < text.Length && tokens < maxTokens;)
        {
            var piece = text.Slice(reached, Piece(text[reached..]));
            var end = _tokenizer.Value.GetIndexByTokenCount(piece, maxTokens - tokens, out _, out var counted);
            (reached, tokens) = (reached + end, tokens + counted);
            if (end < piece.Length)
            {
                break;
            }
        }

        return reached;
    }

    private static int Piece(ReadOnlySpan<char> text)
    {
        var (before, run) = (KindOf(text[0]), 1);
        for (var i = 1; i < text.Length; i++)
        {
            var kind = KindOf(text[i]);
            run = kind == before ? run + 1 : 1;
            var isTooLong = (run > LongestRun && kind != Kind.Number) || i >= 2 * LongPiece;
            var isInName = (before, kind) == (Kind.Mark, Kind.Letter) && IsSpecial(text[..i]);
            if ((isTooLong && !char.IsLowSurrogate(text[i])) || (i >= LongPiece && IsBorder(text[i], before, kind)) || isInName)
            {
                return i;
            }

            before = kind;
        }

        return text.Length;
    }

    // No token holds a letter and what is none behind it, nor anything and a blank behind it.
    private static bool IsBorder(char c, Kind before, Kind kind) =>
        (before == Kind.Letter && kind != Kind.Letter) || (before != Kind.Space && c == ' ');

    // Nor two marks and a letter behind them, so that a border within the name changes nothing else.
    private static bool IsSpecial(ReadOnlySpan<char> before) => before.EndsWith("<|");

    private static Kind KindOf(char c) =>
        char.IsLetter(c) ? Kind.Letter
        : char.IsWhiteSpace(c) ? Kind.Space
        : char.IsNumber(c) ? Kind.Number
        : Kind.Mark;
}
