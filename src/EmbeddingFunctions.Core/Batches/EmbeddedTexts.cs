namespace EmbeddingFunctions.Batches;

/// <summary>A batch's texts and what became of each so far: a vector, a failure, or nothing yet. What was paid for stays, whatever comes after.</summary>
/// <param name="texts">No two alike.</param>
/// <param name="fingerprints">Of the texts.</param>
internal sealed class EmbeddedTexts(IReadOnlyList<string> texts, IReadOnlyList<string> fingerprints)
{
    public IReadOnlyList<string> Texts => texts;

    public IReadOnlyList<string> Fingerprints => fingerprints;

    /// <summary>Which texts' vectors were in the cache.</summary>
    public bool[] AreCached { get; } = new bool[texts.Count];

    public ReadOnlyMemory<float>?[] Vectors { get; } = new ReadOnlyMemory<float>?[texts.Count];

    /// <summary>Whether the provider has answered well since the batch began: then a reply that is none is the texts' doing.</summary>
    public bool IsProviderWell { get; set; }

    /// <summary>Why a text has no vector, where it is to blame.</summary>
    public string?[] Failures { get; } = new string?[texts.Count];

    /// <returns>The fingerprints of texts that have neither a vector nor a failure yet.</returns>
    public IReadOnlyList<string> Undecided() => fingerprints.Where((_, i) => IsUndecided(i)).ToList();

    /// <returns>Those of the texts that are undecided, to be filled in on their own, and where each stands here.</returns>
    public (EmbeddedTexts Texts, IReadOnlyList<int> Places) Part(IReadOnlySet<string> chosen)
    {
        var places = Enumerable.Range(0, texts.Count).Where(i => IsUndecided(i) && chosen.Contains(fingerprints[i])).ToList();
        return (new EmbeddedTexts(places.Select(i => texts[i]).ToList(), places.Select(i => fingerprints[i]).ToList()), places);
    }

    /// <summary>Takes over what became of a part.</summary>
    public void Take(EmbeddedTexts part, IReadOnlyList<int> places)
    {
        for (var i = 0; i < places.Count; i++)
        {
            (Vectors[places[i]], Failures[places[i]]) = (part.Vectors[i], part.Failures[i]);
        }
    }

    private bool IsUndecided(int i) => Vectors[i] is null && Failures[i] is null;
}
