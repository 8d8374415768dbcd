using System.Globalization;

namespace EmbeddingFunctions.Adoption;

/// <summary>Reads vectors from the text that Postgres makes of a vector, an array of numbers, or json.</summary>
internal static class SourceVector
{
    /// <returns>As many numbers as the text has elements; what is no number is NaN.</returns>
    public static float[] Parse(string text)
    {
        var inner = text.AsSpan().Trim().Trim("[]{}").Trim();
        if (inner.IsEmpty)
        {
            return [];
        }

        var vector = new float[inner.Count(',') + 1];
        var i = 0;
        foreach (var range in inner.Split(','))
        {
            vector[i++] = float.TryParse(inner[range], NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : float.NaN;
        }

        return vector;
    }

    /// <returns>Why the vector cannot be adopted, or null.</returns>
    public static LeftOutReason? Fault(float[] vector, int dimensions) =>
        vector.Length != dimensions ? LeftOutReason.WrongWidth
        : !Array.TrueForAll(vector, float.IsFinite) ? LeftOutReason.NotFinite
        : Array.TrueForAll(vector, component => component == 0) ? LeftOutReason.ZeroVector
        : null;

    /// <summary>The cosine of two vectors of one width.</summary>
    public static double Cosine(ReadOnlySpan<float> one, ReadOnlySpan<float> other)
    {
        var (product, squares, others) = (0d, 0d, 0d);
        for (var i = 0; i < one.Length; i++)
        {
            product += (double)one[i] * other[i];
            squares += (double)one[i] * one[i];
            others += (double)other[i] * other[i];
        }

        return product / Math.Sqrt(squares * others);
    }
}
