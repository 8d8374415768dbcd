using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace EmbeddingFunctions.Testing;

/// <summary>The SHA-256 of a text's UTF-8, as a value small enough to keep for millions of inputs; prints as lower-case hex.</summary>
internal readonly record struct TextHash(ulong First, ulong Second, ulong Third, ulong Fourth)
{
    public const int Size = SHA256.HashSizeInBytes;

    public static TextHash Of(string text)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            var length = Encoding.UTF8.GetBytes(text, buffer);
            Span<byte> digest = stackalloc byte[Size];
            SHA256.HashData(buffer.AsSpan(0, length), digest);
            return MemoryMarshal.Read<TextHash>(digest);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public void CopyTo(Span<byte> destination) => MemoryMarshal.Write(destination, this);

    public override string ToString()
    {
        Span<byte> digest = stackalloc byte[Size];
        CopyTo(digest);
        return Convert.ToHexStringLower(digest);
    }
}
