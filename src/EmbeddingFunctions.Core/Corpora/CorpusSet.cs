namespace EmbeddingFunctions.Corpora;

/// <summary>All declared corpora, by name.</summary>
internal sealed class CorpusSet(IReadOnlyList<Corpus> corpora)
{
    public IReadOnlyList<Corpus> All { get; } = corpora;

    /// <exception cref="NotFoundException">No corpus has that name.</exception>
    public Corpus Get(string name) =>
        All.FirstOrDefault(corpus => corpus.Name == name)
        ?? throw new NotFoundException($"There is no corpus '{name}'. Declared are: {string.Join(", ", All.Select(c => c.Name))}.");
}
