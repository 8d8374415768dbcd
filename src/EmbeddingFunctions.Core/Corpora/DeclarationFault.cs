namespace EmbeddingFunctions.Corpora;

/// <summary>Something wrong in a declaration.</summary>
/// <param name="Path">Where, as in <c>$.corpora[0].tables[1].text</c>.</param>
/// <param name="Message">What, and what to do.</param>
/// <param name="Line">The line in the file, from 1.</param>
internal sealed record DeclarationFault(string Path, string Message, long Line = 0)
{
    /// <summary>The same, seen from what holds it.</summary>
    internal DeclarationFault Within(string path, string? speaker = null) =>
        this with { Path = Path.Length == 0 ? path : $"{path}.{Path}", Message = speaker is null ? Message : $"{speaker}: {Message}" };

    internal static string Describe(Corpus corpus, IEnumerable<DeclarationFault> faults) =>
        $"The corpus '{corpus.Name}' does not fit the database. Correct the declaration or the tables, and look again with 'embeddings "
            + $"corpus check {corpus.Name}':{string.Concat(faults.Select(fault => $"\n  - {fault.Message}"))}";
}
