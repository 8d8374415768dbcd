using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace EmbeddingFunctions.Testing;

/// <summary>The vector the fake answers for a text: of unit length, and a function of text, model and dimensions alone.</summary>
public static class FakeVector
{
    public static float[] Of(string text, string model, int dimensions) => Of(TextHash.Of(text), model, dimensions);

    internal static float[] Of(TextHash text, string model, int dimensions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        var vector = new float[dimensions];
        var state = Seed(text, model, dimensions);
        double squares = 0;
        for (var i = 0; i < vector.Length; i += 2)
        {
            var bits = Next(ref state);
            squares += Set(vector, i, (int)bits);
            if (i + 1 < vector.Length)
                squares += Set(vector, i + 1, (int)(bits >> 32));
        }

        var scale = (float)(1 / Math.Sqrt(squares));
        for (var i = 0; i < vector.Length; i++)
            vector[i] *= scale;
        return vector;
    }

    private static ulong Seed(TextHash text, string model, int dimensions)
    {
        var prefix = Encoding.UTF8.GetBytes($"{model}|{dimensions}|");
        var message = new byte[prefix.Length + TextHash.Size];
        prefix.CopyTo(message, 0);
        text.CopyTo(message.AsSpan(prefix.Length));
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(message, digest);
        return MemoryMarshal.Read<ulong>(digest);
    }

    private static double Set(float[] vector, int position, int bits)
    {
        // Odd, so that no component and no vector is ever zero.
        var value = (bits | 1) * (1f / 2147483648f);
        vector[position] = value;
        return (double)value * value;
    }

    // SplitMix64: two components a step, and any seed will do.
    private static ulong Next(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15;
        var mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }
}
