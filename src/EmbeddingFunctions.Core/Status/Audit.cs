using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Status;

/// <summary>
/// Looks at all that is kept for a corpus for what no run would find: vectors that are not what text and rule call for, what is left of
/// rows that are gone or changed, and indexes that no search can use.
/// </summary>
internal sealed class Audit
{
    private readonly ResolvedCorpora _corpora;
    private readonly RowAudit _rows;
    private readonly Leftovers _leftovers;
    private readonly ISearchIndexes _indexes;
    private readonly DriftSample _drift;

    public Audit(ResolvedCorpora corpora, RowAudit rows, Leftovers leftovers, ISearchIndexes indexes, DriftSample drift) =>
        (_corpora, _rows, _leftovers, _indexes, _drift) = (corpora, rows, leftovers, indexes, drift);

    /// <param name="name">The corpus.</param>
    /// <param name="isRepaired">Whether to make the found rows pending, delete what is left over, and build invalid indexes.</param>
    /// <param name="cancellation">Ends the looking.</param>
    /// <exception cref="Corpora.CorpusException">The corpus is not declared, or the database not ready for it.</exception>
    public async Task<AuditedCorpus> Of(string name, bool isRepaired, CancellationToken cancellation)
    {
        var (found, findings, refused) = (new Dictionary<string, long>(), new List<AuditFinding>(), 0L);
        var corpus = await _corpora.Get(name, cancellation);
        foreach (var table in corpus.Tables)
        {
            var rows = await _rows.Look(table, isRepaired, cancellation);
            found[table.Kind] = rows.Found;
            refused += rows.Refused;
            findings.AddRange(rows.Problems.Select(problem => new AuditFinding(table.Kind, Name(problem.Key), problem.Value)));
            findings.AddRange(await _leftovers.Of(corpus, table, isRepaired, cancellation));
        }

        var invalid = (await _indexes.States(corpus, cancellation)).Count(index => index.State == SearchIndexState.Invalid);
        findings.Add(new AuditFinding(null, "invalidIndex", invalid));
        if (isRepaired && invalid > 0)
        {
            await _indexes.BuildNow(corpus, cancellation);
        }

        return new AuditedCorpus(found, refused) { Findings = findings.Where(finding => finding.Count > 0).ToList() };
    }

    /// <summary>Embeds some rows of each kind again, and compares what comes with what is stored.</summary>
    /// <exception cref="Providers.ProviderException">The provider gives no vectors.</exception>
    public async Task<IReadOnlyList<DriftOfKind>> Sample(string name, int rows, CancellationToken cancellation)
    {
        var (corpus, drifts) = (await _corpora.Get(name, cancellation), new List<DriftOfKind>());
        foreach (var table in corpus.Tables)
        {
            if (await _drift.Of(corpus, table, rows, cancellation) is { } cosines)
            {
                drifts.Add(new DriftOfKind(table.Kind, cosines));
            }
        }

        return drifts;
    }

    private static string Name(RowProblem problem) => $"{char.ToLowerInvariant(problem.ToString()[0])}{problem.ToString()[1..]}";
}

/// <param name="Found">Rows whose vector is to be made again, by kind.</param>
/// <param name="Refused">Those of them that were to be made pending, and that the database does not let be written.</param>
internal sealed record AuditedCorpus(IReadOnlyDictionary<string, long> Found, long Refused)
{
    /// <summary>All that was found, by kind and problem; empty: all is well.</summary>
    public IReadOnlyList<AuditFinding> Findings { get; init; } = [];
}

/// <param name="Kind">Null: it concerns the whole corpus.</param>
/// <param name="Problem">
/// otherText, noVector, noProvenance, otherWidth, unusable, otherLength, deadClaim, orphanedChunk, staleCopy or invalidIndex.
/// </param>
internal sealed record AuditFinding(string? Kind, string Problem, long Count);

/// <summary>How alike the vectors of some rows are to those that the provider makes of the same texts now.</summary>
internal sealed record DriftOfKind(string Kind, CosineDistribution Cosines)
{
    /// <summary>Whether the provider's model is another one than that which made the vectors.</summary>
    public bool IsDrift => Cosines.Median < CosineDistribution.Least;
}
