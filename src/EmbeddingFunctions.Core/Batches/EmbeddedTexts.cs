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

    /// <returns>The texts that have no vector yet, to be filled in on their own, and where each stands here.</returns>
    public (EmbeddedTexts Texts, IReadOnlyList<int> Places) Missing()
    {
        var places = Enumerable.Range(0, texts.Count).Where(i => Vectors[i] is null).ToList();
        return (new EmbeddedTexts(places.Select(i => texts[i]).ToList(), places.Select(i => fingerprints[i]).ToList()), places);
    }

    /// <summary>Takes over what became of the missing ones.</summary>
    public void Take(EmbeddedTexts missing, IReadOnlyList<int> places)
    {
        for (var i = 0; i < places.Count; i++)
        {
            (Vectors[places[i]], Failures[places[i]]) = (missing.Vectors[i], missing.Failures[i]);
        }
    }
}
