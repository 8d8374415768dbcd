using System.Collections.Concurrent;
using System.Diagnostics;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Search;

/// <param name="Vector">Of the query.</param>
/// <param name="IsCached">Whether no call was made for it.</param>
/// <param name="Milliseconds">How long it took.</param>
internal sealed record EmbeddedQuery(float[] Vector, bool IsCached, double Milliseconds);

/// <summary>
/// Makes the vectors of queries, each once for a provider, a model, a width and a text. A person waits for it, so that it goes before
/// batches, and ends in time.
/// </summary>
internal sealed class QueryEmbedder(
    ProviderPipeline pipeline, IVectorCache cache, EmbeddingSettings settings, TimeProvider time)
{
    // Queries of a process that are remembered without asking anything.
    private const int Remembered = 2_000;

    // A model in this process is loaded by its first query, which the hybrid search would else do without.
    private static readonly TimeSpan _patienceWithOwnModel = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, float[]> _remembered = new();

    /// <param name="corpus">By whose rule.</param>
    /// <param name="query">Normalised, not blank.</param>
    /// <param name="cancellation">Of the caller.</param>
    /// <exception cref="SearchUnavailableException">There is no vector in time.</exception>
    /// <exception cref="InvalidSearchException">The provider refuses the query.</exception>
    public async Task<EmbeddedQuery> Embed(ResolvedCorpus corpus, string query, CancellationToken cancellation)
    {
        var begun = Stopwatch.GetTimestamp();
        // The rule of a query has no template, so that it is the vector of no item.
        var rule = new EmbeddingRule("", corpus.Model, corpus.Corpus.Dimensions);
        var fingerprint = rule.Fingerprint(query);
        if (_remembered.TryGetValue(fingerprint, out var known))
        {
            return Done(known, true);
        }

        using var limit = new CancellationTokenSource(settings.IsRemote ? settings.QueryTimeout : _patienceWithOwnModel, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            var cached = await cache.Find([fingerprint], rule.Dimensions, since: null, either.Token).WaitAsync(either.Token);
            if (cached.TryGetValue(fingerprint, out var vector))
            {
                return Done(Remember(fingerprint, vector.ToArray()), true);
            }

            var text = TokenCounter.Of(rule.Model).Cut(query).Text;
            // Without a meter, which is what tells the limiter that a person waits.
            var options = new RequestOrigin(corpus.Corpus.Name).Options(rule.Model, rule.Dimensions);
            var reply = await pipeline.Generator.GenerateAsync([text], options, either.Token).WaitAsync(either.Token);
            await cache.Store([KeyValuePair.Create(fingerprint, reply[0].Vector)]);
            return Done(Remember(fingerprint, reply[0].Vector.ToArray()), false);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new SearchUnavailableException(
                $"{settings.ProviderName} gave no vector of the query within {settings.QueryTimeout.TotalSeconds:0.###} s");
        }
        catch (ProviderException e) when (e.Fault is ProviderFault.Item or ProviderFault.TooManyTokens)
        {
            throw new InvalidSearchException("query", $"{settings.ProviderName} refuses the query: {e.Message}");
        }
        catch (ProviderException e)
        {
            throw new SearchUnavailableException($"{settings.ProviderName} gave no vector of the query: {e.Message}", e);
        }

        EmbeddedQuery Done(float[] vector, bool isCached) => new(vector, isCached, Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
    }

    private float[] Remember(string fingerprint, float[] vector)
    {
        if (_remembered.Count >= Remembered)
        {
            _remembered.Clear();
        }

        return _remembered[fingerprint] = vector;
    }
}
