using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Switching;

/// <summary>A switch of a corpus to its next generation, as it stands.</summary>
/// <param name="Corpus">The corpus as it is declared.</param>
/// <param name="Live">The generation that searches read.</param>
/// <param name="Other">The one that is filled or, after the flip, kept for the way back.</param>
/// <param name="Kinds">What the other one lacks, by kind.</param>
/// <param name="Tokens">Paid for the other one so far.</param>
/// <param name="Dollars">The same, at the model's price; null if that is not known.</param>
internal sealed record SwitchState(
    string Corpus, GenerationState Live, GenerationState Other, IReadOnlyList<SwitchedKind> Kinds, long Tokens, decimal? Dollars)
{
    /// <summary>Whether the other generation is the one that is declared.</summary>
    public bool IsForward => Other.IsDeclared;

    /// <summary>What keeps it from being flipped, a sentence each.</summary>
    public IReadOnlyList<string> Obstacles { get; init; } = [];

    /// <summary>How well both answer a file of questions; null: none was given.</summary>
    public QuestionScores? Questions { get; init; }

    /// <summary>What to do next, a sentence.</summary>
    public string Advice =>
        !IsForward ? $"'embeddings switch {Corpus} --rollback' makes it live again, '--finish' removes it."
        : Obstacles.Count > 0 ? $"'embeddings switch {Corpus} --yes' goes on."
        : Kinds.All(kind => kind.Recall is null)
            ? $"Nothing waits: 'embeddings switch {Corpus} --flip' measures the gate and, if it holds, makes it live."
        : $"The gate holds: 'embeddings switch {Corpus} --flip' makes it live.";

    /// <summary>All kinds together.</summary>
    internal SwitchProgress Progress => new(
        Other.Number, Other.Model, Other.Dimensions, Live.Number, Kinds.Sum(kind => kind.Total), Kinds.Sum(kind => kind.Done),
        Kinds.Sum(kind => kind.Failed), Kinds.Sum(kind => kind.Behind), Tokens, Dollars, Obstacles, Advice);
}

/// <param name="Number">Counted from 1.</param>
/// <param name="IsDeclared">Whether it was made for the declaration at hand.</param>
internal sealed record GenerationState(int Number, string Model, int Dimensions, bool IsDeclared);

/// <param name="Total">Rows that take part.</param>
/// <param name="Done">Those that were decided on: embedded, empty or ignored.</param>
/// <param name="Failed">Those that cannot be embedded: the old vector is all that they have.</param>
/// <param name="Behind">Those that wait although the live generation has their vector: an edit a moment ago waits in both.</param>
internal sealed record SwitchedKind(string Kind, long Total, long Done, long Failed, long Behind)
{
    /// <summary>Of the other generation's index, 0 to 1; null before it was measured.</summary>
    public double? Recall { get; init; }

    /// <summary>Milliseconds of a search by the other index.</summary>
    public double? P95 { get; init; }

    /// <summary>The same of the live one.</summary>
    public double? LiveP95 { get; init; }

    /// <summary>Neighbours that both have in common, 0 to 1.</summary>
    public double? Overlap { get; init; }
}
