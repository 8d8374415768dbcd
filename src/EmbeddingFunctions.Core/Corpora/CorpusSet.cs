namespace EmbeddingFunctions.Corpora;

/// <summary>All declared corpora, by name.</summary>
/// <param name="corpora">The declarations.</param>
/// <param name="source">Where they stand, for messages.</param>
internal sealed class CorpusSet(IReadOnlyList<Corpus> corpora, string source)
{
    public string Source { get; } = source;

    public IReadOnlyList<Corpus> All { get; } = corpora;

    /// <exception cref="NotFoundException">No corpus has that name.</exception>
    public Corpus Get(string name) =>
        All.FirstOrDefault(corpus => corpus.Name == name) ?? throw new NotFoundException(Unknown(name));

    /// <returns>The sentence that a corpus is not declared, and which are.</returns>
    public string Unknown(string name)
    {
        var names = All.Select(corpus => corpus.Name).ToList();
        var hint = NearestName.Of(name, names) is { } near ? $": do you mean '{near}'?" : ".";
        return $"There is no corpus '{name}'{hint} {Source} declares {string.Join(", ", names)}.";
    }
}
