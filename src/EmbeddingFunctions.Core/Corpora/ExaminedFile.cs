namespace EmbeddingFunctions.Corpora;

/// <summary>A file of declarations with all that is wrong in it.</summary>
internal sealed class ExaminedFile
{
    private readonly IReadOnlyList<Corpus>? _corpora;
    private readonly DeclarationMap? _map;

    public ExaminedFile(string source, IReadOnlyList<Corpus>? corpora, IEnumerable<DeclarationFault> faults, DeclarationMap? map)
    {
        (Source, _corpora, _map) = (source, corpora, map);
        Faults = faults.Select(Locate).ToList();
    }

    public string Source { get; }

    public IReadOnlyList<DeclarationFault> Faults { get; }

    /// <exception cref="InvalidCorpusException">All that is wrong, with the lines.</exception>
    public CorpusSet Ensure() => Faults.Count == 0
        ? new CorpusSet(_corpora!, Source)
        : throw new InvalidCorpusException(_corpora is null
            ? $"{Source} cannot be read: {string.Join("\n  - ", Faults.Select(Describe))}"
            : $"{Source} declares what cannot be:{string.Concat(Faults.Select(fault => $"\n  - {Describe(fault)}"))}");

    internal DeclarationFault Locate(DeclarationFault fault) => _map?.Locate(fault) ?? fault;

    private static string Describe(DeclarationFault fault) => $"line {fault.Line}: {fault.Message}";
}
