using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace EmbeddingFunctions.Caching;

/// <summary>A vector as bytes: format, moment, floats (little endian) and a checksum over these and the fingerprint, so that no entry passes for another's.</summary>
internal static class CacheEntry
{
    private const byte Format = 1;
    private const int HeadLength = 1 + sizeof(long);
    private const int ChecksumLength = 8;

    public static byte[] Write(string fingerprint, ReadOnlySpan<float> vector, DateTimeOffset storedAt)
    {
        var entry = new byte[HeadLength + (vector.Length * sizeof(float)) + ChecksumLength];
        entry[0] = Format;
        BinaryPrimitives.WriteInt64LittleEndian(entry.AsSpan(1), storedAt.ToUnixTimeMilliseconds());
        MemoryMarshal.AsBytes(vector).CopyTo(entry.AsSpan(HeadLength));
        Checksum(fingerprint, entry.AsSpan(0, entry.Length - ChecksumLength)).CopyTo(entry.AsSpan(entry.Length - ChecksumLength));
        return entry;
    }

    /// <returns>The vector, or null for what is foreign, short, corrupt, of another length or from before <paramref name="since"/>.</returns>
    public static float[]? Read(string fingerprint, ReadOnlySpan<byte> entry, int dimensions, DateTimeOffset? since)
    {
        if (entry.Length != HeadLength + (dimensions * sizeof(float)) + ChecksumLength || entry[0] != Format
            || !entry[^ChecksumLength..].SequenceEqual(Checksum(fingerprint, entry[..^ChecksumLength])))
        {
            return null;
        }

        var storedAt = BinaryPrimitives.ReadInt64LittleEndian(entry[1..]);
        return since is { } earliest && storedAt < earliest.ToUnixTimeMilliseconds()
            ? null
            : MemoryMarshal.Cast<byte, float>(entry[HeadLength..^ChecksumLength]).ToArray();
    }

    private static ReadOnlySpan<byte> Checksum(string fingerprint, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(fingerprint));
        hash.AppendData(body);
        return hash.GetHashAndReset().AsSpan(0, ChecksumLength);
    }
}
