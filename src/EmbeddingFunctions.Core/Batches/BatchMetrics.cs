using System.Diagnostics.Metrics;
using EmbeddingFunctions.Telemetry;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// This process's batches, as counters of the meter <c>EmbeddingFunctions</c>, tagged with the corpus; any listener of .NET's
/// metrics can read them.
/// </summary>
internal static class BatchMetrics
{
    private static readonly Counter<long> _embedded = EngineTelemetry.Meter.CreateCounter<long>(
        "embedding.items.embedded", "{item}", "Items that got a vector.");
    private static readonly Counter<long> _failed = EngineTelemetry.Meter.CreateCounter<long>(
        "embedding.items.failed", "{item}", "Items that failed.");
    private static readonly Counter<long> _hits = EngineTelemetry.Meter.CreateCounter<long>(
        "embedding.cache.hits", "{item}", "Items whose vector was in the cache.");
    private static readonly Counter<long> _misses = EngineTelemetry.Meter.CreateCounter<long>(
        "embedding.cache.misses", "{item}", "Items whose vector was asked for.");
    private static readonly Counter<long> _requests = EngineTelemetry.Meter.CreateCounter<long>(
        "embedding.requests", "{request}", "Requests to the provider, retries included.");
    private static readonly Counter<long> _tokens = EngineTelemetry.Meter.CreateCounter<long>(
        "embedding.tokens", "{token}", "Tokens that the provider counted.");
    private static readonly Counter<long> _saved = EngineTelemetry.Meter.CreateCounter<long>(
        "embedding.tokens.saved", "{token}", "Tokens that the cache saved, by estimate.");

    public static void Record(string corpus, BatchCounts counts)
    {
        var tag = new KeyValuePair<string, object?>("corpus", corpus);
        _embedded.Add(counts.Embedded, tag);
        _failed.Add(counts.Failed, tag);
        _hits.Add(counts.Cached, tag);
        _misses.Add(Math.Max(0, counts.Embedded - counts.Cached), tag);
        _requests.Add(counts.Requests, tag);
        _tokens.Add(counts.Tokens, tag);
        _saved.Add(counts.SavedTokens, tag);
    }
}
