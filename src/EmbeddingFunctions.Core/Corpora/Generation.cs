namespace EmbeddingFunctions.Corpora;

/// <summary>One of the sets of vectors that a corpus has; searches read the live one.</summary>
/// <param name="Corpus">The corpus as it is declared.</param>
/// <param name="Number">Counted from 1.</param>
/// <param name="IsLive">Whether searches read it.</param>
internal sealed record Generation(string Corpus, int Number, bool IsLive)
{
    /// <summary>The name under which its rules, claims, runs and companion tables are kept; no declared name has an @.</summary>
    public static string NameOf(string corpus, int number) => number == 1 ? corpus : $"{corpus}@{number}";

    /// <returns>The corpus that a generation of this name is of.</returns>
    public static string CorpusOf(string name) => name.Split('@')[0];

    public string Name => NameOf(Corpus, Number);
}
