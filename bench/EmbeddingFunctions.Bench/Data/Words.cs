using System.Text;

namespace EmbeddingFunctions.Bench.Data;

/// <summary>Texts of made-up words: all different, the same in every run.</summary>
internal static class Words
{
    private const int VocabularySize = 4_000;

    private static readonly string[] _vocabulary = MakeVocabulary();

    /// <returns>About this number of characters, never more.</returns>
    public static string Text(int seed, int characters)
    {
        var random = new Random(seed);
        var text = new StringBuilder(characters);
        text.Append(seed);
        while (true)
        {
            var word = _vocabulary[random.Next(VocabularySize)];
            if (text.Length + 1 + word.Length > characters)
            {
                return text.ToString();
            }

            text.Append(' ').Append(word);
        }
    }

    private static string[] MakeVocabulary()
    {
        string[] syllables = [
            "ba", "con", "dex", "fi", "gra", "hul", "in", "jo", "ker", "lim", "mo", "nar", "ost", "per", "qua", "res", "sto", "ten", "ul",
            "ver"];
        var random = new Random(1);
        return Enumerable.Range(0, VocabularySize)
            .Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => syllables[random.Next(syllables.Length)])))
            .ToArray();
    }
}
