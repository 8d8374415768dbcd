using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Status;

/// <summary>Looks at every row of a corpus for vectors of another text than the row's, which no trigger noted.</summary>
internal sealed class Audit
{
    private readonly ResolvedCorpora _corpora;
    private readonly RowAudit _rows;

    public Audit(ResolvedCorpora corpora, RowAudit rows) => (_corpora, _rows) = (corpora, rows);

    /// <param name="name">The corpus.</param>
    /// <param name="isRepaired">Whether to make the found rows pending.</param>
    /// <param name="cancellation">Ends the looking.</param>
    /// <exception cref="Corpora.CorpusException">The corpus is not declared, or the database not ready for it.</exception>
    public async Task<AuditedCorpus> Of(string name, bool isRepaired, CancellationToken cancellation)
    {
        var (found, refused) = (new Dictionary<string, long>(), 0L);
        foreach (var table in (await _corpora.Get(name, cancellation)).Tables)
        {
            var rows = await _rows.Look(table, isRepaired, cancellation);
            found[table.Kind] = rows.Found;
            refused += rows.Refused;
        }

        return new AuditedCorpus(found, refused);
    }
}

/// <param name="Found">Rows with a vector of another text, by kind.</param>
/// <param name="Refused">Those of them that were to be made pending, and that the database does not let be written.</param>
internal sealed record AuditedCorpus(IReadOnlyDictionary<string, long> Found, long Refused);
