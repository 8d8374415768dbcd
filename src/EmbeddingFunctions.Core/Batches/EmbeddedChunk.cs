using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>A chunk of an item's text with its vector.</summary>
internal sealed record EmbeddedChunk(TextChunk Chunk, ReadOnlyMemory<float> Vector)
{
    /// <summary>The vector of the whole: the mean of its chunks' by their length, of length 1; of a single chunk its own.</summary>
    public static ReadOnlyMemory<float> Mean(IReadOnlyList<EmbeddedChunk> chunks)
    {
        if (chunks.Count == 1)
        {
            return chunks[0].Vector;
        }

        var sum = new double[chunks[0].Vector.Length];
        foreach (var (chunk, vector) in chunks)
        {
            for (var i = 0; i < sum.Length; i++)
            {
                sum[i] += (double)chunk.Text.Length * vector.Span[i];
            }
        }

        var length = Math.Sqrt(sum.Sum(component => component * component));
        // Chunks that cancel each other out have no mean: the first speaks for them.
        return length > 0 ? Array.ConvertAll(sum, component => (float)(component / length)) : chunks[0].Vector;
    }
}
