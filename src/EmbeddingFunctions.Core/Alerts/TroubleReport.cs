using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Alerts;

/// <summary>Looks for everything that an alert is sent about.</summary>
internal sealed class TroubleReport(
    ResolvedCorpora resolved, SpendingReport spending, ProviderCheck provider, FreshnessReport freshness, CoverageWatch coverage,
    EmbeddingSettings settings)
{
    /// <summary>What cannot be looked at is not among them: it neither begins nor ends.</summary>
    public async Task<IReadOnlyList<Look>> Look(CancellationToken cancellation)
    {
        var looks = new List<Look>();
        foreach (var run in await spending.LastRuns(cancellation))
        {
            // The reason may be in others' words, which stay here.
            looks.Add(new Look(TroubleKind.RunFailed, run.Corpus, run.Status == "failed"
                ? $"Run {run.Id} of '{run.Corpus}' failed: 'embeddings status {run.Corpus}' says why." : null));
            looks.Add(new Look(
                TroubleKind.CapReached, run.Corpus, run.IsCapped ? $"Run {run.Id} of '{run.Corpus}' was stopped: {run.Error}" : null));
        }

        var live = (await resolved.Migrated(cancellation)).Where(corpus => corpus.Generation is null or { IsLive: true }).ToList();
        looks.AddRange(await OfProvider(live, cancellation));
        foreach (var corpus in live)
        {
            try
            {
                looks.AddRange(await OfCorpus(corpus, cancellation));
            }
            catch (DatabaseNotReadyException)
            {
                // The host's log says so, and its health.
            }
        }

        return looks;
    }

    private async Task<IReadOnlyList<Look>> OfProvider(IReadOnlyList<Corpus> corpora, CancellationToken cancellation)
    {
        var looks = new List<Look>();
        foreach (var corpus in corpora.DistinctBy(settings.ModelFor))
        {
            var model = settings.ModelFor(corpus);
            var isStopped = (await provider.Status(corpus, cancellation)).State == ProviderStatus.Stopped;
            looks.Add(new Look(TroubleKind.ProviderStopped, model, isStopped
                ? $"The provider refuses all calls of {model}, and none is made: key, quota, model or address are at fault. 'embeddings "
                    + "doctor' says more."
                : null));
        }

        return looks;
    }

    private async Task<IReadOnlyList<Look>> OfCorpus(Corpus corpus, CancellationToken cancellation)
    {
        var name = corpus.DeclaredName;
        var fresh = corpus.Freshness is null ? null : await freshness.Recent(corpus.Name, cancellation);
        return
        [
            .. fresh is null ? [] : new[]
            {
                new Look(TroubleKind.FreshnessBroken, name, fresh.IsBroken
                    ? $"Edits of '{name}' wait longer for their vectors than {corpus.Freshness}, as is declared." : null),
            },
            new Look(TroubleKind.CoverageFell, name, await coverage.Examine(corpus.Name, cancellation)),
        ];
    }
}
