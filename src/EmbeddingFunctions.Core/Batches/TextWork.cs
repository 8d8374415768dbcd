using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// A batch's texts and what became of each so far: a vector, a failure, or nothing yet. What was paid for stays, whatever comes after.
/// </summary>
/// <param name="texts">No two alike.</param>
/// <param name="fingerprints">Of the texts.</param>
/// <param name="mayShorten">Whether a text that the provider finds too long may be cut.</param>
internal sealed class TextWork(IReadOnlyList<InputText> texts, IReadOnlyList<string> fingerprints, bool mayShorten = false)
{
    private readonly (InputText Input, string Fingerprint)?[] _shortened = new (InputText, string)?[texts.Count];

    public IReadOnlyList<InputText> Texts => texts;

    public bool MayShorten => mayShorten;

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
    public (TextWork Texts, IReadOnlyList<int> Places) Part(IReadOnlySet<string> chosen)
    {
        var places = Enumerable.Range(0, texts.Count).Where(i => IsUndecided(i) && chosen.Contains(fingerprints[i])).ToList();
        return (new TextWork(places.Select(i => texts[i]).ToList(), places.Select(i => fingerprints[i]).ToList(), mayShorten), places);
    }

    /// <summary>Takes over what became of a part.</summary>
    public void Take(TextWork part, IReadOnlyList<int> places)
    {
        for (var i = 0; i < places.Count; i++)
        {
            (Vectors[places[i]], Failures[places[i]], AreCached[places[i]]) = (part.Vectors[i], part.Failures[i], part.AreCached[i]);
            _shortened[places[i]] = part._shortened[i];
        }
    }

    /// <summary>Lets only the beginning of a text be sent.</summary>
    public void Shorten(int i, InputText beginning, string fingerprint) => _shortened[i] = (beginning, fingerprint);

    /// <summary>What is sent of a text.</summary>
    public InputText Sent(int i) => _shortened[i]?.Input ?? texts[i];

    /// <summary>Of what is sent of a text: by this its vector is cached.</summary>
    public string SentFingerprint(int i) => _shortened[i]?.Fingerprint ?? fingerprints[i];

    /// <returns>How many characters of a text the provider had no room for.</returns>
    public int LeftOut(int i) => NormalizedText.Characters(texts[i].Text) - NormalizedText.Characters(Sent(i).Text);

    private bool IsUndecided(int i) => Vectors[i] is null && Failures[i] is null;
}
