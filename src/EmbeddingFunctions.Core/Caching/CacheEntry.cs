using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using EmbeddingFunctions.Providers;

namespace EmbeddingFunctions.Caching;

/// <summary>
/// A vector as bytes: format, moment, floats (little endian) and a signature over these and the fingerprint, so that no entry passes for
/// another's.
/// </summary>
internal static class CacheEntry
{
    private const byte Format = 2;
    private const int HeadLength = 1 + sizeof(long);
    private const int SignatureLength = 16;

    public static byte[] Write(CacheKey key, string fingerprint, ReadOnlySpan<float> vector, DateTimeOffset storedAt)
    {
        var entry = new byte[HeadLength + (vector.Length * sizeof(float)) + SignatureLength];
        entry[0] = Format;
        BinaryPrimitives.WriteInt64LittleEndian(entry.AsSpan(1), storedAt.ToUnixTimeMilliseconds());
        MemoryMarshal.AsBytes(vector).CopyTo(entry.AsSpan(HeadLength));
        Signature(key, fingerprint, entry.AsSpan(0, entry.Length - SignatureLength)).CopyTo(entry.AsSpan(entry.Length - SignatureLength));
        return entry;
    }

    /// <returns>
    /// The vector, or null: the entry is foreign, short, corrupt, of another length or from before <paramref name="since"/>, or no search
    /// could find it.
    /// </returns>
    public static float[]? Read(CacheKey key, string fingerprint, ReadOnlySpan<byte> entry, int dimensions, DateTimeOffset? since)
    {
        if (entry.Length != HeadLength + (dimensions * sizeof(float)) + SignatureLength || entry[0] != Format
            || !CryptographicOperations.FixedTimeEquals(entry[^SignatureLength..], Signature(key, fingerprint, entry[..^SignatureLength])))
        {
            return null;
        }

        var storedAt = BinaryPrimitives.ReadInt64LittleEndian(entry[1..]);
        var vector = MemoryMarshal.Cast<byte, float>(entry[HeadLength..^SignatureLength]);
        var isOld = since is { } earliest && storedAt < earliest.ToUnixTimeMilliseconds();
        return isOld || CheckedEmbeddingGenerator.ProblemOf(vector) is not null ? null : vector.ToArray();
    }

    private static ReadOnlySpan<byte> Signature(CacheKey key, string fingerprint, ReadOnlySpan<byte> body) =>
        key.Sign(fingerprint, body).AsSpan(0, SignatureLength);
}
