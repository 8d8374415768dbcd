using EmbeddingFunctions.Providers;
using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;
using Microsoft.ML.OnnxRuntime;

namespace EmbeddingFunctions.Local;

/// <summary>
/// all-MiniLM-L6-v2 in this process: a sentence model of 384 dimensions that needs no key and no network. It is loaded at the first text
/// and may be used by many callers at once, who share the cores.
/// </summary>
public sealed class MiniLmModel : ILocalModel
{
    // Computed at once: for long texts, few at a time are fastest, for short ones many.
    private const int PiecesPerRun = 512;

    // A piece is a byte at least.
    private const int SurelyRead = WordPieces.Window - 2;

    private readonly EmbeddingGeneratorMetadata _metadata =
        new("local", null, EmbeddingSettings.LocalModel, EmbeddingSettings.LocalDimensions);
    private readonly Lazy<WordPieces> _pieces = new();
    private readonly Lazy<Network> _network = new(Load);
    private readonly SemaphoreSlim _cores = new(Environment.ProcessorCount);

    /// <inheritdoc/>
    public string Cut(string text) =>
        System.Text.Encoding.UTF8.GetByteCount(text) <= SurelyRead ? text : text[.._pieces.Value.Read(text).End];

    /// <summary>Vectors of length 1, filled up with zeros beyond 384 dimensions. Usage counts the model's word pieces.</summary>
    /// <exception cref="ArgumentException">A text is empty.</exception>
    /// <exception cref="ProviderException">Fewer than 384 dimensions are asked for, or the model cannot run on this machine.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        var texts = values.ToList();
        var dimensions = options?.Dimensions ?? EmbeddingSettings.LocalDimensions;
        if (dimensions < EmbeddingSettings.LocalDimensions)
        {
            throw new ProviderException(ProviderFault.Configuration, EmbeddingSettings.TooFewForLocal(dimensions));
        }

        foreach (var text in texts)
        {
            ArgumentException.ThrowIfNullOrEmpty(text, nameof(values));
        }

        var pieces = await Task.Run(() => texts.ConvertAll(text => _pieces.Value.Read(text).Pieces), cancellationToken);
        var vectors = new float[texts.Count][];
        await Task.WhenAll(Runs(pieces).Select(run => Embed(run, pieces, vectors, cancellationToken)));
        var total = pieces.Sum(text => (long)text.Length);
        return new(vectors.Select(vector => new Embedding<float>(Widen(vector, dimensions)) { ModelId = EmbeddingSettings.LocalModel }))
        {
            Usage = new UsageDetails { InputTokenCount = total, TotalTokenCount = total },
        };
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    /// <summary>Frees the model.</summary>
    public void Dispose()
    {
        if (_network.IsValueCreated)
        {
            _network.Value.Dispose();
        }

        _cores.Dispose();
    }

    // Texts of nearly one length together, so that few pieces are computed in vain; the longest first, so that all cores end together.
    private static IEnumerable<int[]> Runs(List<int[]> pieces)
    {
        var order = Enumerable.Range(0, pieces.Count).OrderByDescending(i => pieces[i].Length).ToArray();
        for (var first = 0; first < order.Length;)
        {
            var count = Math.Clamp(PiecesPerRun / pieces[order[first]].Length, 1, order.Length - first);
            yield return order[first..(first + count)];
            first += count;
        }
    }

    private async Task Embed(int[] run, List<int[]> pieces, float[][] vectors, CancellationToken cancellation)
    {
        await _cores.WaitAsync(cancellation);
        try
        {
            var embedded = await Task.Run(() => _network.Value.Embed(Array.ConvertAll(run, i => pieces[i])), cancellation);
            for (var i = 0; i < run.Length; i++)
            {
                vectors[run[i]] = embedded[i];
            }
        }
        finally
        {
            _cores.Release();
        }
    }

    private static float[] Widen(float[] vector, int dimensions)
    {
        Array.Resize(ref vector, dimensions);
        return vector;
    }

    private static Network Load()
    {
        try
        {
            return new Network();
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or EntryPointNotFoundException
            or BadImageFormatException or FileNotFoundException or OnnxRuntimeException)
        {
            var reason = (e.InnerException ?? e).Message;
            throw new ProviderException(
                ProviderFault.Configuration,
                $"the local model cannot run on this machine ({reason}): set OPENAI_API_KEY, or EMBEDDING_PROVIDER=lexical", e);
        }
    }
}
