using System.Buffers;

namespace EmbeddingFunctions.Texts;

/// <summary>
/// Cuts a text into chunks of a limited number of tokens: between paragraphs where it can, else between sentences, words, or at last
/// characters, each chunk but the first beginning with the end of the one before. For a better border no chunk loses more than half of
/// what it may hold.
/// Each chunk costs the counting of a few chunks, however long the text is.
/// </summary>
internal sealed class TextChunks
{
    /// <summary>A document has no more: their vectors must fit into memory together.</summary>
    public const int MostChunks = 20_000;

    private static readonly SearchValues<char> _sentenceEnds = SearchValues.Create(".!?:;。！？\n");

    private readonly List<TextChunk> _chunks = [];
    private readonly string _text;
    private readonly TokenCounter _counter;
    private readonly int _maxTokens;
    private readonly int _overlapTokens;
    private int _passed;
    private int _characters;

    private TextChunks(string text, TokenCounter counter, int maxTokens, int overlapTokens) =>
        (_text, _counter, _maxTokens, _overlapTokens) = (text, counter, maxTokens, overlapTokens);

    /// <param name="text">Normalised.</param>
    /// <param name="counter">The model's.</param>
    /// <param name="maxTokens">Of a chunk.</param>
    /// <param name="overlapTokens">At most half of <paramref name="maxTokens"/>.</param>
    /// <returns>Chunks that together hold every word; one if the text is short, none if it is empty. Of more than <see cref="MostChunks"/>
    /// the first, and one more.</returns>
    public static IReadOnlyList<TextChunk> Of(string text, TokenCounter counter, int maxTokens, int overlapTokens)
    {
        var chunks = new TextChunks(text, counter, maxTokens, overlapTokens);
        chunks.Cut();
        return chunks._chunks;
    }

    private void Cut()
    {
        for (var (start, covered) = (0, 0); covered < _text.Length && _chunks.Count <= MostChunks;)
        {
            var (input, end) = Next(start, covered);
            Add(input, start);
            covered = end;
            while (covered < _text.Length && char.IsWhiteSpace(_text[covered]))
            {
                covered++;
            }

            start = covered < _text.Length ? Overlap(start, covered) : covered;
        }
    }

    private void Add(InputText input, int start)
    {
        _characters += NormalizedText.Characters(_text.AsSpan(_passed, start - _passed));
        _passed = start;
        _chunks.Add(new TextChunk(input, _characters, _characters + NormalizedText.Characters(input.Text)));
    }

    // A word that is cut may have a token more than it had as a part of the text.
    private (InputText Input, int End) Next(int start, int covered)
    {
        for (var aim = _maxTokens; ; aim--)
        {
            var end = End(start, covered, aim);
            var input = new InputText(_text[start..end].TrimEnd(), _counter);
            if (input.Tokens <= _maxTokens)
            {
                return (input, end);
            }
        }
    }

    private int End(int start, int covered, int maxTokens)
    {
        var longest = start + _counter.Reach(_text.AsSpan(start), maxTokens, out _);
        if (longest == _text.Length)
        {
            return longest;
        }

        var least = Math.Max(covered, start + ((longest - start) / 2));
        return Border(least, longest, IsParagraph) ?? Border(least, longest, IsSentence)
            ?? Border(Math.Max(covered, start), longest, IsWord) ?? longest;
    }

    // The last border behind the least and not behind the longest.
    private static int? Border(int least, int longest, Func<int, bool> isBorder)
    {
        for (var i = longest; i > least; i--)
        {
            if (isBorder(i))
            {
                return i;
            }
        }

        return null;
    }

    private bool IsParagraph(int i) => _text[i] == '\n' && _text.AsSpan(i + 1).TrimStart(" \t\r").StartsWith("\n");

    private bool IsSentence(int i) => char.IsWhiteSpace(_text[i]) && _sentenceEnds.Contains(_text[i] == '\n' ? '\n' : _text[i - 1]);

    private bool IsWord(int i) => char.IsWhiteSpace(_text[i]);

    // Where the next chunk begins: at a word that is no more tokens before what is covered than the overlap may have, or there.
    private int Overlap(int start, int covered)
    {
        var chunk = _text.AsSpan(start, covered - start);
        var own = Math.Max(1, _counter.Count(chunk) - _overlapTokens);
        for (var next = start + Math.Max(1, _counter.Reach(chunk, own, out _)); ; next++)
        {
            while (next < covered && !(char.IsWhiteSpace(_text[next - 1]) && !char.IsWhiteSpace(_text[next])))
            {
                next++;
            }

            if (next == covered || _counter.Count(_text.AsSpan(next, covered - next)) <= _overlapTokens)
            {
                return next;
            }
        }
    }
}
