using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Switching;

/// <summary>The status of corpora, with the switch that is under way.</summary>
internal sealed class SwitchedStatus(StatusReport status, GenerationSwitch switches, CorpusSet corpora)
{
    /// <summary>As <see cref="StatusReport.OfAll"/>.</summary>
    public async Task<CorporaStatus> OfAll(CancellationToken cancellation)
    {
        var all = await status.OfAll(cancellation);
        var reports = new List<CorpusStatus>();
        foreach (var one in all.Corpora)
        {
            reports.Add(await WithSwitch(one, cancellation));
        }

        return all with { Corpora = reports };
    }

    /// <summary>The same of one corpus.</summary>
    public async Task<CorporaStatus> OfOnly(string name, CancellationToken cancellation) =>
        new([await Of(name, cancellation)], [], await status.Spending(cancellation));

    /// <summary>As <see cref="StatusReport.Of"/>.</summary>
    public async Task<CorpusStatus> Of(string name, CancellationToken cancellation) =>
        await WithSwitch(await status.Of(name, cancellation), cancellation);

    // It is reported with the generation that searches read.
    private async Task<CorpusStatus> WithSwitch(CorpusStatus report, CancellationToken cancellation) =>
        corpora.GenerationsOf(Generation.CorpusOf(report.Corpus)) is [var live, _, ..] && live.Name == report.Corpus
            && await switches.State(live.DeclaredName, isMeasured: false, cancellation) is { } state
            ? report with { Switch = state.Progress }
            : report;
}
