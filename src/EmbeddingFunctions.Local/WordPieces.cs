using Microsoft.ML.Tokenizers;

namespace EmbeddingFunctions.Local;

/// <summary>
/// Splits texts into the model's word pieces, up to its window. The network would take 512, but the model was trained with 256 and its
/// card says to end there. Words that stand for the tokeniser's own marks, such as [SEP], are read as text.
/// </summary>
internal sealed class WordPieces
{
    /// <summary>The most pieces of a text, with the marks at both ends.</summary>
    public const int Window = 256;

    private const int OwnPieces = Window - 2;

    private readonly BertTokenizer _tokenizer;

    public WordPieces()
    {
        using var vocabulary = PackagedModel.Vocabulary();
        _tokenizer = BertTokenizer.Create(vocabulary, new BertOptions { SplitOnSpecialTokens = false });
    }

    /// <returns>The text's pieces between the marks for beginning and end, and where in the text the last of them ends.</returns>
    public (int[] Pieces, int End) Read(ReadOnlySpan<char> text)
    {
        var (pieces, end) = (new List<int>(Window) { _tokenizer.ClassificationTokenId }, 0);
        for (var start = SkipBlanks(text, 0); start < text.Length && pieces.Count <= OwnPieces; start = SkipBlanks(text, end))
        {
            var word = text[start..WordEnd(text, start)];
            var room = OwnPieces + 1 - pieces.Count;
            var (read, length) = (Split(word), word.Length);
            if (read.Count > room)
            {
                (read, length) = Beginning(word, room);
            }

            pieces.AddRange(read);
            end = length > 0 ? start + length : end;
            if (length < word.Length)
            {
                break;
            }
        }

        pieces.Add(_tokenizer.SeparatorTokenId);
        return ([.. pieces], end);
    }

    // The longest beginning of a word of too many pieces that has not: of a script without spaces a word is a whole sentence.
    private (IReadOnlyList<int> Pieces, int Length) Beginning(ReadOnlySpan<char> word, int most)
    {
        (IReadOnlyList<int> Pieces, int Length) best = ([], 0);
        var (low, high) = (0, word.Length);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            var length = char.IsHighSurrogate(word[middle - 1]) ? middle - 1 : middle;
            if (Split(word[..length]) is var pieces && pieces.Count <= most)
            {
                (best, low) = ((pieces, length), middle);
            }
            else
            {
                high = middle - 1;
            }
        }

        return best;
    }

    private IReadOnlyList<int> Split(ReadOnlySpan<char> word) => _tokenizer.EncodeToIds(BaseLetters.Of(word), addSpecialTokens: false);

    private static int SkipBlanks(ReadOnlySpan<char> text, int start)
    {
        while (start < text.Length && char.IsWhiteSpace(text[start]))
        {
            start++;
        }

        return start;
    }

    private static int WordEnd(ReadOnlySpan<char> text, int start)
    {
        while (start < text.Length && !char.IsWhiteSpace(text[start]))
        {
            start++;
        }

        return start;
    }
}
