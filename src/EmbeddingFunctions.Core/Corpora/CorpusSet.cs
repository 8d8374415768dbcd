namespace EmbeddingFunctions.Corpora;

/// <summary>All corpora: as they are declared, and with the generations that the database keeps of each.</summary>
/// <param name="declared">The declarations.</param>
/// <param name="source">Where they stand, for messages.</param>
internal sealed class CorpusSet(IReadOnlyList<Corpus> declared, string source)
{
    private volatile IReadOnlyList<Corpus> _all = declared;

    public string Source { get; } = source;

    /// <summary>As the file or the app declares them.</summary>
    public IReadOnlyList<Corpus> Declared { get; } = declared;

    /// <summary>The generations of each, under names of their own; a corpus that has none is as declared.</summary>
    public IReadOnlyList<Corpus> All
    {
        get => _all;
        internal set => _all = value;
    }

    /// <returns>The generation of that name; else the live one of the corpus of that name.</returns>
    /// <exception cref="NotFoundException">No corpus has that name.</exception>
    public Corpus Get(string name) =>
        All.FirstOrDefault(corpus => corpus.Name == name) ?? Find(name) ?? throw new NotFoundException(Unknown(name));

    /// <returns>The live generation of a corpus that a person names.</returns>
    /// <exception cref="NotFoundException">No corpus has that name.</exception>
    public Corpus Live(string name) => Find(name) ?? Get(name);

    /// <returns>As <see cref="Live"/>; null if no corpus has that name.</returns>
    public Corpus? Find(string name) =>
        All.FirstOrDefault(corpus => corpus.DeclaredName == name && corpus.Generation is null or { IsLive: true });

    /// <returns>All generations of a corpus that a person names, the live one first.</returns>
    /// <exception cref="NotFoundException">No corpus has that name.</exception>
    public IReadOnlyList<Corpus> GenerationsOf(string name)
    {
        var live = Live(name);
        return [live, .. All.Where(corpus => corpus.DeclaredName == live.DeclaredName && corpus.Name != live.Name)];
    }

    /// <returns>The sentence that a corpus is not declared, and which are.</returns>
    public string Unknown(string name)
    {
        var names = Declared.Select(corpus => corpus.Name).ToList();
        var hint = NearestName.Of(name, names) is { } near ? $": do you mean '{near}'?" : ".";
        return $"There is no corpus '{name}'{hint} {Source} declares {string.Join(", ", names)}.";
    }
}
