using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Status;

/// <summary>Looks at every row of a corpus for vectors of another text than the row's, which no trigger noted.</summary>
public sealed class Audit
{
    private readonly BoundCorpora _corpora;
    private readonly RowAudit _rows;

    internal Audit(BoundCorpora corpora, RowAudit rows) => (_corpora, _rows) = (corpora, rows);

    /// <param name="name">The corpus.</param>
    /// <param name="isRepaired">Whether to make the found rows pending.</param>
    /// <returns>How many were found, by kind.</returns>
    /// <exception cref="Corpora.CorpusException">The corpus is not declared, or the database not ready for it.</exception>
    public async Task<IReadOnlyDictionary<string, long>> Of(string name, bool isRepaired, CancellationToken cancellation)
    {
        var corpus = await _corpora.Get(name, cancellation);
        var found = new Dictionary<string, long>();
        foreach (var table in corpus.Tables)
        {
            found[table.Kind] = isRepaired ? await _rows.Repair(table, cancellation) : await _rows.Count(table, cancellation);
        }

        return found;
    }
}
