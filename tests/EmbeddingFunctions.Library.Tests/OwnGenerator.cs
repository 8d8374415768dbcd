using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Library.Tests;

/// <summary>A generator as an app might write one: vectors of letters, and exceptions on demand.</summary>
internal sealed class OwnGenerator(string? model = "letters-1", int dimensions = 32) : IEmbeddingGenerator<string, Embedding<float>>
{
    private int _calls;

    /// <summary>What a call throws, by its number from 1 and its texts; null: it answers.</summary>
    public Func<int, IReadOnlyList<string>, Exception?> Throws { get; set; } = (_, _) => null;

    public int Calls => _calls;

    public bool IsDisposed { get; private set; }

    public EmbeddingGenerationOptions? LastOptions { get; private set; }

    public float[] VectorOf(string text)
    {
        var vector = new float[dimensions];
        foreach (var letter in text)
        {
            vector[letter % dimensions]++;
        }

        return vector;
    }

    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        var texts = values.ToList();
        LastOptions = options;
        return Throws(Interlocked.Increment(ref _calls), texts) is { } exception
            ? throw exception
            : new(texts.Select(text => new Embedding<float>(VectorOf(text))));
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is null && serviceType == typeof(EmbeddingGeneratorMetadata) ? new EmbeddingGeneratorMetadata("own", null, model) : null;

    public void Dispose() => IsDisposed = true;
}
