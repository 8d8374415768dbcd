using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;

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

    /// <summary>Decides each text; after a fault or a cancellation, the texts decided by then stay so.</summary>
    /// <param name="texts">No two alike.</param>
    /// <param name="claim">Whose batch it is; its rule names model and dimensions.</param>
    /// <param name="meter">Counts what is sent and paid.</param>
    /// <param name="since">Only what was cached since then is taken from the cache.</param>
    /// <param name="cancellation">Ends calls and waits.</param>
    /// <exception cref="ProviderException">Transient or configuration faults: no text is to blame.</exception>
    public async Task Embed(
        IEnumerable<TextWork> texts, Claim claim, RequestMeter meter, DateTimeOffset? since, CancellationToken cancellation)
    {
        var (begun, rule) = (time.GetTimestamp(), claim.Table.Rule);
        for (var left = Undecided(texts); left.Count > 0; left = Undecided(left))
        {
            var fingerprints = left.ConvertAll(text => text.Fingerprint);
            // Marked before looking: what another batch has paid for in between is then found in the cache.
            var own = flights is null || time.GetElapsedTime(begun) > _patience
                ? fingerprints.ToHashSet()
                : await flights.Take(fingerprints, claim.Token, cancellation);
            var cached = await cache.Find(fingerprints, rule.Dimensions, since, cancellation);
            foreach (var text in left)
            {
                if (cached.TryGetValue(text.Fingerprint, out var vector))
                {
                    text.Embedded(vector, fromCache: true);
                }
            }

            await embedder.Embed(Undecided(left.Where(text => own.Contains(text.Fingerprint))), rule, meter, since, claim.Inputs,
                cancellation);
            if (own.Count < left.Count && left.Exists(text => text.IsUndecided))
            {
                await Task.Delay(_lookAgain, time, cancellation);
            }
        }
    }

    private static List<TextWork> Undecided(IEnumerable<TextWork> texts) => texts.Where(text => text.IsUndecided).ToList();
}
