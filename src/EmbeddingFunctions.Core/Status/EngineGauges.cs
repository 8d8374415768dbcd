using System.Diagnostics.Metrics;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Telemetry;
using Npgsql;

namespace EmbeddingFunctions.Status;

/// <summary>
/// What the database holds, as gauges: asked for while a listener observes them, and at most every fifteen seconds. An observation gives
/// what was found last, so that the first one gives nothing.
/// </summary>
internal sealed class EngineGauges : IDisposable
{
    private const string Work = "the gauges";

    private static readonly TimeSpan _life = TimeSpan.FromSeconds(15);

    // A meter of its own, as the engine's outlives the services.
    private readonly Meter _meter = new(EngineTelemetry.Name);
    private readonly OverviewReport _report;
    private readonly DatabaseOutages _outages;
    private readonly SharedAnswer<Overview?> _overview;

    public EngineGauges(OverviewReport report, DatabaseOutages outages, TimeProvider time)
    {
        (_report, _outages) = (report, outages);
        _overview = new(Ask, _ => _life, time);
        _meter.CreateObservableGauge("embedding.items", Items, "{item}", "Items by their state.");
        _meter.CreateObservableGauge(
            "embedding.lag", Lags, "s", "How long edits waited for their vectors within the last hour, and wait now.");
        _meter.CreateObservableGauge("embedding.runs", Runs, "{run}", "Runs that are open.");
        _meter.CreateObservableGauge(
            "embedding.provider.available", Providers, "{provider}", "1: the provider answers, or was not asked yet; 0: it does not.");
        _meter.CreateObservableGauge(
            "embedding.spending", Spending, "{dollar}", "Dollars spent and reserved, by this day and month of UTC.");
    }

    public void Dispose() => _meter.Dispose();

    private async Task<Overview?> Ask()
    {
        try
        {
            var overview = await _report.Get(CancellationToken.None);
            _outages.Answered(Work);
            return overview;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            _outages.Failed(Work, e);
            return null;
        }
    }

    private Overview? Found() =>
        _overview.Latest(TimeSpan.Zero, CancellationToken.None) is { IsCompletedSuccessfully: true, Result: var found } ? found : null;

    private IEnumerable<Measurement<long>> Items() =>
        from corpus in Found()?.Corpora ?? []
        from kind in corpus.Kinds
        from count in new[]
        {
            (State: "embedded", Value: kind.Embedded), (State: "pending", Value: kind.Pending), (State: "failed", Value: kind.Failed),
            (State: "empty", Value: kind.Empty), (State: "ignored", Value: kind.Ignored),
        }
        select new Measurement<long>(
            count.Value, new("corpus", corpus.Corpus), new("kind", kind.Kind), new KeyValuePair<string, object?>("state", count.State));

    private IEnumerable<Measurement<double>> Lags() =>
        from corpus in Found()?.Corpora ?? []
        where corpus.Freshness is not null
        from lags in new[] { (State: "done", Of: corpus.Freshness!.Done.Hour), (State: "waiting", Of: corpus.Freshness!.Waiting) }
        from value in new[]
        {
            (Quantile: "0.5", Seconds: lags.Of.P50), (Quantile: "0.95", Seconds: lags.Of.P95), (Quantile: "1", Seconds: lags.Of.Max),
        }
        where value.Seconds is not null
        select new Measurement<double>(
            value.Seconds!.Value, new("corpus", corpus.Corpus), new("state", lags.State),
            new KeyValuePair<string, object?>("quantile", value.Quantile));

    private IEnumerable<Measurement<int>> Runs() => Found() is { } found ? [new(found.Runs.Count)] : [];

    private IEnumerable<Measurement<int>> Providers() =>
        from provider in Found()?.Providers ?? []
        select new Measurement<int>(
            provider.State is ProviderStatus.Available or ProviderStatus.Untried ? 1 : 0,
            new("model", provider.Model), new KeyValuePair<string, object?>("state", provider.State));

    private IEnumerable<Measurement<double>> Spending() => Found()?.Spending is { } spent
        ? [Of("day", spent.Today), Of("month", spent.ThisMonth)] : [];

    private static Measurement<double> Of(string period, decimal dollars) =>
        new((double)dollars, new KeyValuePair<string, object?>("period", period));
}
