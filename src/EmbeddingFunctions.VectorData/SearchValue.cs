using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.VectorData;

/// <summary>What may be searched for.</summary>
internal static class SearchValue
{
    /// <exception cref="NotSupportedException">It is of another type.</exception>
    public static (string? Text, IReadOnlyList<float>? Vector) Of(object? value) => value switch
    {
        string text => (text, null),
        float[] vector => (null, vector),
        ReadOnlyMemory<float> vector => (null, vector.ToArray()),
        Embedding<float> embedding => (null, embedding.Vector.ToArray()),
        _ => throw new NotSupportedException(
            $"A {value?.GetType().Name ?? "null"} cannot be searched for: "
                + "give a string, float[], ReadOnlyMemory<float> or Embedding<float>."),
    };
}
