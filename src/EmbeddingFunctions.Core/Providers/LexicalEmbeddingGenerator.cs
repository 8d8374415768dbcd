using EmbeddingFunctions.Settings;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Providers;

/// <summary>
/// Embeddings computed in this process, without a model or a network, for tests and bulk trials. They are lexical: texts that share words
/// or parts of words are near each other, and nothing of what the words mean is understood.
/// </summary>
/// <remarks>The same text has the same vector on every machine. Scripts written without spaces are compared by runs of 3 to 5
/// characters.</remarks>
internal sealed class LexicalEmbeddingGenerator(int dimensions) : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly EmbeddingGeneratorMetadata _metadata = new("lexical", null, EmbeddingSettings.LexicalModel, Positive(dimensions));

    /// <summary>Usage counts words, which a model's tokenizer would split further.</summary>
    /// <exception cref="ArgumentException">A text is empty.</exception>
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values,
        EmbeddingGenerationOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        var length = Positive(options?.Dimensions ?? dimensions);
        var features = new LexicalFeatures();
        var words = 0L;
        var embeddings = new GeneratedEmbeddings<Embedding<float>>();
        foreach (var text in values)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ArgumentException.ThrowIfNullOrEmpty(text, nameof(values));
            var vector = new float[length];
            words += features.AddTo(vector, text);
            ScaleToUnit(vector, text);
            embeddings.Add(new Embedding<float>(vector) { ModelId = EmbeddingSettings.LexicalModel });
        }

        embeddings.Usage = new UsageDetails { InputTokenCount = words, TotalTokenCount = words };
        return Task.FromResult(embeddings);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    public void Dispose()
    {
    }

    // A plain loop: vector instructions add in an order that depends on the processor, and so would the last digit.
    private static void ScaleToUnit(Span<float> vector, string text)
    {
        var squares = 0d;
        foreach (var value in vector)
        {
            squares += (double)value * value;
        }

        if (squares == 0)
        {
            // Every feature met its opposite, which few dimensions make possible.
            vector[(int)(LexicalFeatures.Hash(text) % (uint)vector.Length)] = 1;
            return;
        }

        var norm = Math.Sqrt(squares);
        foreach (ref var value in vector)
        {
            value = (float)(value / norm);
        }
    }

    private static int Positive(int dimensions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        return dimensions;
    }
}
