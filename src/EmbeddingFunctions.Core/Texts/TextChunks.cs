using System.Buffers;

namespace EmbeddingFunctions.Texts;

/// <summary>
/// Cuts a text into chunks of at most so many tokens: between paragraphs where it can, else between sentences, words, or at last characters,
/// each chunk but the first beginning with the end of the one before. No chunk is shorter than half of what it may hold for a better border's sake.
/// </summary>
internal sealed class TextChunks
{
    // Every character is a byte or more, and a token is at most four bytes to the estimate.
    private const int CharactersPerToken = 4;

    private static readonly SearchValues<char> _sentenceEnds = SearchValues.Create(".!?:;。！？\n");

    private readonly List<TextChunk> _chunks = [];
    private readonly string _text;
    private readonly int _maxTokens;
    private readonly int _overlapTokens;
    private int _counted;
    private int _characters;

    private TextChunks(string text, int maxTokens, int overlapTokens) => (_text, _maxTokens, _overlapTokens) = (text, maxTokens, overlapTokens);

    /// <param name="text">Normalised.</param>
    /// <param name="maxTokens">Of a chunk.</param>
    /// <param name="overlapTokens">At most half of <paramref name="maxTokens"/>.</param>
    /// <returns>Chunks that together hold every word; one if the text is short, none if it is empty.</returns>
    public static IReadOnlyList<TextChunk> Of(string text, int maxTokens, int overlapTokens)
    {
        var chunks = new TextChunks(text, maxTokens, overlapTokens);
        chunks.Cut();
        return chunks._chunks;
    }

    private void Cut()
    {
        for (var (start, covered) = (0, 0); covered < _text.Length;)
        {
            var end = End(start, covered);
            Add(start, end);
            covered = end;
            while (covered < _text.Length && char.IsWhiteSpace(_text[covered]))
            {
                covered++;
            }

            start = covered < _text.Length ? Overlap(start, covered) : covered;
        }
    }

    private void Add(int start, int end)
    {
        var text = _text[start..end].TrimEnd();
        var first = Characters(start);
        _chunks.Add(new TextChunk(text, first, first + NormalizedText.Characters(text), TokenEstimate.Of(text)));
    }

    // Chunks begin one behind the other, so that the text is counted once.
    private int Characters(int index)
    {
        _characters += NormalizedText.Characters(_text.AsSpan(_counted, index - _counted));
        _counted = index;
        return _characters;
    }

    private int End(int start, int covered)
    {
        var longest = Longest(start, _maxTokens);
        if (longest == _text.Length)
        {
            return longest;
        }

        var least = Math.Max(covered, start + ((longest - start) / 2));
        return Border(least, longest, IsParagraph) ?? Border(least, longest, IsSentence) ?? Border(Math.Max(covered, start), longest, IsWord) ?? longest;
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

    // As far as so many tokens reach, ending between characters.
    private int Longest(int start, int tokens)
    {
        var (low, high) = (start, (int)Math.Min(_text.Length, start + ((long)tokens * CharactersPerToken)));
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = TokenEstimate.Of(_text[start..middle]) <= tokens ? (middle, high) : (low, middle - 1);
        }

        return IsInsidePair(low) ? low - 1 : low;
    }

    private bool IsInsidePair(int i) => i > 0 && i < _text.Length && char.IsSurrogatePair(_text[i - 1], _text[i]);

    // Where the next chunk begins: at a word that is at most so many tokens before what is covered, or there.
    private int Overlap(int start, int covered)
    {
        var (low, high) = ((int)Math.Max(start + 1, covered - ((long)_overlapTokens * CharactersPerToken)), covered);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = TokenEstimate.Of(_text[middle..covered]) <= _overlapTokens ? (low, middle) : (middle + 1, high);
        }

        while (low < covered && !(char.IsWhiteSpace(_text[low - 1]) && !char.IsWhiteSpace(_text[low])))
        {
            low++;
        }

        return low;
    }
}
