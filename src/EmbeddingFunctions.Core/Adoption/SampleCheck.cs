using System.Security.Cryptography;
using System.Text;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Storage;

namespace EmbeddingFunctions.Adoption;

/// <summary>Embeds some items with the corpus's own model, and compares what comes with the vectors that are there.</summary>
internal sealed class SampleCheck(CachingTextEmbedder embedder, ResolvedCorpus corpus, ResolvedTable table, int size)
{
    private const int Shown = 10;

    // By a hash of the id: from all over the table, and the same ones each time, so that the cache has them when the command is run again.
    private readonly PriorityQueue<Candidate, string> _chosen = new(Comparer<string>.Create((a, b) => string.CompareOrdinal(b, a)));

    public void Offer(Candidate candidate)
    {
        var place = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(candidate.Item.Id)));
        if (_chosen.Count < size)
        {
            _chosen.Enqueue(candidate, place);
        }
        else
        {
            _chosen.EnqueueDequeue(candidate, place);
        }
    }

    /// <returns>How alike the vectors are; null if there are no items.</returns>
    /// <exception cref="Providers.ProviderException">The provider gives no vectors.</exception>
    /// <exception cref="InvalidCorpusException">The provider refuses a text.</exception>
    public async Task<CosineDistribution?> Compare(RequestMeter meter, CancellationToken cancellation)
    {
        if (_chosen.Count == 0)
        {
            return null;
        }

        var sample = _chosen.UnorderedItems.Select(chosen => chosen.Element).ToList();
        var works = new Dictionary<string, TextWork>();
        foreach (var part in sample.SelectMany(candidate => candidate.Item.Text.Parts))
        {
            var fingerprint = table.Rule.Fingerprint(part.Text);
            works.TryAdd(fingerprint, new TextWork(part, fingerprint, mayShorten: table.LongText == LongText.Truncate));
        }

        var claim = new Claim(corpus, table, Guid.Empty, "", Guid.CreateVersion7(), [], IsForced: false);
        await embedder.Embed(works.Values, claim, meter, since: null, cancellation);
        return CosineDistribution.Of(sample.ConvertAll(candidate => (candidate.Item.Id, Cosine(candidate, works))), Shown);
    }

    // The least alike of its parts.
    private double Cosine(Candidate candidate, Dictionary<string, TextWork> works) => candidate.Item.Text.Parts
        .Zip(candidate.Vectors, (part, vector) => works[table.Rule.Fingerprint(part.Text)] switch
        {
            { Vector: { } own } => SourceVector.Cosine(own.Span, vector.Span),
            var work => throw new InvalidCorpusException(
                $"The text of {table.Kind}:{candidate.Item.Id}, one of the sample, could not be embedded: {work.Failure}"),
        })
        .Min();
}

/// <summary>How alike the vectors of a sample are to those that the corpus's own model makes.</summary>
/// <param name="Items">How many were compared.</param>
/// <param name="Worst">The least alike, the worst first.</param>
internal sealed record CosineDistribution(
    int Items, double Min, double P5, double Median, double Max, IReadOnlyList<SampledItem> Worst)
{
    /// <summary>Vectors of one text and model: a provider's own answers differ by less.</summary>
    public const double Least = 0.999;

    public bool IsOfOneModel => Min >= Least;

    public static CosineDistribution Of(IEnumerable<(string Id, double Cosine)> cosines, int shown)
    {
        var sorted = cosines.OrderBy(item => item.Cosine).ToList();
        double At(double share) => sorted[(int)(share * (sorted.Count - 1))].Cosine;
        return new(
            sorted.Count, At(0), At(0.05), At(0.5), At(1),
            sorted.Where(item => item.Cosine < Least).Take(shown).Select(item => new SampledItem(item.Id, item.Cosine)).ToList());
    }
}

internal sealed record SampledItem(string Id, double Cosine);
