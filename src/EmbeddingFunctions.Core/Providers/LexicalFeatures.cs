using System.Collections.Frozen;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace EmbeddingFunctions.Providers;

/// <summary>
/// Adds a text's words, pairs of neighbouring words and runs of 3 to 5 characters to a vector, each at the place and with the sign
/// that its hash gives. One text at a time.
/// </summary>
internal sealed class LexicalFeatures
{
    private const float WordWeight = 1f;
    private const float PairWeight = 0.5f;
    private const float GramWeight = 0.25f;
    private const float StopWordWeight = 0.125f;

    private const ulong WordSeed = 0xcbf29ce484222325;
    private const ulong PairSeed = WordSeed + 1;
    private const ulong GramSeed = WordSeed + 2;

    // Marks both ends of a word; greater than any code point.
    private const int Edge = 0x110000;

    private static readonly FrozenSet<ulong> StopWords = HashAll(
        """
        a about after again all also am an and any are as at be because been before being both but by can cannot could d did do does
        doing don down during each few for from further had has have having he her here hers him his how i if in into is it its itself
        just ll me more most my no nor not now of off on once only or other our ours out over own re s same she should so some such t
        than that the their theirs them then there these they this those through to too under until up us ve very was we were what
        when where which while who whom why will with would you your yours
        """);

    private readonly Dictionary<ulong, int> _counts = [];
    private readonly List<int> _word = [];
    private (ulong Hash, float Weight)? _previous;
    private int _words;

    /// <returns>The number of words; 1 for a text that is not empty and has none.</returns>
    public int AddTo(Span<float> vector, string text)
    {
        _counts.Clear();
        _previous = null;
        _words = 0;
        BeginWord();
        foreach (var rune in text.EnumerateRunes())
        {
            if (BelongsToWord(rune))
            {
                _word.Add(Fold(rune));
            }
            else
            {
                EndWord(vector);
            }
        }

        EndWord(vector);
        if (_words == 0)
        {
            _word.AddRange(text.EnumerateRunes().Select(rune => rune.Value));
            EndWord(vector);
        }

        return _words;
    }

    /// <summary>The hash of a text as one word, whatever it is made of.</summary>
    public static ulong Hash(ReadOnlySpan<char> text)
    {
        var hash = Feed(WordSeed, Edge);
        foreach (var rune in text.EnumerateRunes())
        {
            hash = Feed(hash, (uint)Fold(rune));
        }

        return Finish(Feed(hash, Edge));
    }

    // Uppercase unites what lowercase keeps apart, such as the two small sigmas.
    private static int Fold(Rune rune) => Rune.ToUpperInvariant(rune).Value;

    // A mark counts only behind a letter: the one that makes a symbol an emoji is no word.
    private bool BelongsToWord(Rune rune) => Rune.IsLetterOrDigit(rune) ||
        (
            !rune.IsAscii && _word.Count > 1
                && Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark);

    private void BeginWord()
    {
        _word.Clear();
        _word.Add(Edge);
    }

    private void EndWord(Span<float> vector)
    {
        if (_word.Count == 1)
        {
            return;
        }

        _word.Add(Edge);
        AddWord(vector, CollectionsMarshal.AsSpan(_word));
        _words++;
        BeginWord();
    }

    private void AddWord(Span<float> vector, ReadOnlySpan<int> word)
    {
        var hash = WordSeed;
        foreach (var rune in word)
        {
            hash = Feed(hash, (uint)rune);
        }

        hash = Finish(hash);
        var weight = StopWords.Contains(hash) ? StopWordWeight : 1;
        Add(vector, hash, weight * WordWeight);
        AddGrams(vector, word, weight * GramWeight);
        if (_previous is { } previous)
        {
            Add(vector, Finish(Feed(Feed(PairSeed, previous.Hash), hash)), Math.Min(weight, previous.Weight) * PairWeight);
        }

        _previous = (hash, weight);
    }

    private void AddGrams(Span<float> vector, ReadOnlySpan<int> word, float weight)
    {
        for (var start = 0; start + 3 <= word.Length; start++)
        {
            var hash = Feed(Feed(GramSeed, (uint)word[start]), (uint)word[start + 1]);
            for (var end = start + 2; end < word.Length && end < start + 5; end++)
            {
                hash = Feed(hash, (uint)word[end]);
                Add(vector, Finish(hash), weight);
            }
        }
    }

    // The nth occurrence adds 1/n. The sum grows like 1 + log n, but division is exact everywhere and a logarithm is not.
    private void Add(Span<float> vector, ulong hash, float weight)
    {
        ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, hash, out _);
        count++;
        var share = weight / count;
        vector[(int)((hash >> 1) % (uint)vector.Length)] += (hash & 1) == 0 ? share : -share;
    }

    // FNV-1a, fed with code points in place of bytes.
    private static ulong Feed(ulong hash, ulong value) => (hash ^ value) * 0x100000001b3;

    // FNV mixes its low bits poorly, and they decide place and sign. This is the end of MurmurHash3.
    private static ulong Finish(ulong hash)
    {
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }

    private static FrozenSet<ulong> HashAll(string words) =>
        words.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(word => Hash(word)).ToFrozenSet();
}
