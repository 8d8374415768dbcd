using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>
/// Embeds a batch's texts so that each is paid for once: from the cache, by a call, or by waiting for the batch that is calling for it now.
/// </summary>
/// <param name="embedder">Calls.</param>
/// <param name="cache">Keeps what was paid for.</param>
/// <param name="flights">Null: calls cost nothing.</param>
/// <param name="time">The clock of the waits.</param>
internal sealed class CachingTextEmbedder(TextEmbedder embedder, IVectorCache cache, SingleFlight? flights, TimeProvider time)
{
    // While another batch pays; one that has not by the end of its patience may be waiting for this one.
    private static readonly TimeSpan _lookAgain = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    /// <summary>Fills in what becomes of each text; a fault or a cancellation leaves in place what there is by then.</summary>
    /// <param name="texts">To be filled in.</param>
    /// <param name="claim">Whose batch it is; its rule names model and dimensions.</param>
    /// <param name="meter">Counts what is sent and paid.</param>
    /// <param name="since">Only what was cached since then is taken from the cache.</param>
    /// <param name="cancellation">Ends calls and waits.</param>
    /// <exception cref="ProviderException">Passing or configuration faults: no text is to blame.</exception>
    public async Task Embed(TextWork texts, Claim claim, RequestMeter meter, DateTimeOffset? since, CancellationToken cancellation)
    {
        var begun = time.GetTimestamp();
        for (var left = texts.Undecided(); left.Count > 0; left = texts.Undecided())
        {
            // Marked before looking: what another batch has paid for in between is then found in the cache.
            var own = flights is null || time.GetElapsedTime(begun) > _patience
                ? left.ToHashSet()
                : await flights.Take(left, claim.Token, cancellation);
            await TakeCached(texts, left, claim.Table.Rule, since, cancellation);
            await EmbedOwn(texts, own, claim.Table.Rule, meter, since, cancellation);
            if (own.Count < left.Count && texts.Undecided().Count > 0)
            {
                await Task.Delay(_lookAgain, time, cancellation);
            }
        }
    }

    private async Task TakeCached(
        TextWork texts, IReadOnlyList<string> left, EmbeddingRule rule, DateTimeOffset? since, CancellationToken cancellation)
    {
        var cached = await cache.Find(left, rule.Dimensions, since, cancellation);
        for (var i = 0; i < texts.Texts.Count; i++)
        {
            if (cached.TryGetValue(texts.Fingerprints[i], out var vector))
            {
                (texts.Vectors[i], texts.AreCached[i]) = (vector, true);
            }
        }
    }

    private async Task EmbedOwn(
        TextWork texts, IReadOnlySet<string> own, EmbeddingRule rule, RequestMeter meter, DateTimeOffset? since,
        CancellationToken cancellation)
    {
        var (part, places) = texts.Part(own);
        try
        {
            await embedder.Embed(part, rule, meter, since, cancellation);
        }
        finally
        {
            texts.Take(part, places);
        }
    }
}
