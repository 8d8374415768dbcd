using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace EmbeddingFunctions.Cli.Imports;

/// <summary>Cuts a file, plain or gzipped, into lines; what cannot be a line becomes a result with its reason.</summary>
internal static class Lines
{
    /// <summary>Longer lines are passed over: no item is so large, and a file without line ends must not fill the memory.</summary>
    public const int MaxBytes = 10_000_000;

    private const int GzipTrailer = 4;

    private static readonly StreamPipeReaderOptions _pipe = new(bufferSize: 65_536);

    /// <returns>Lines, each valid until the next is asked for.</returns>
    public static async IAsyncEnumerable<(ReadOnlySequence<byte> Line, string? Problem)> Read(
        Stream file, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var size = await SizeOfZipped(file, cancellation);
        var (reader, isZipped) = await Open(file, cancellation);
        var (read, skips, isLast) = (0L, false, false);
        while (!isLast)
        {
            var (result, damage) = await Next(reader, cancellation);
            if (damage is not null)
            {
                yield return (default, damage);
                yield break;
            }

            var buffer = result.Buffer;
            isLast = result.IsCompleted;
            read += buffer.Length;
            while (Cut(ref buffer, isLast) is { } line)
            {
                var isTooLong = skips || line.Length > MaxBytes;
                yield return isTooLong ? (default, $"it is longer than {MaxBytes:N0} bytes") : (line, null);
                skips = false;
            }

            skips |= buffer.Length > MaxBytes;
            buffer = skips ? buffer.Slice(buffer.End) : buffer;
            read -= buffer.Length;
            reader.AdvanceTo(buffer.Start, buffer.End);
        }

        if (isZipped && read < size)
        {
            yield return (default, "the zipped file ends early: what followed is lost");
        }
    }

    // The end of a gzipped file says how much it holds. The framework does not look: to it, data that ends early just ends.
    private static async Task<long> SizeOfZipped(Stream file, CancellationToken cancellation)
    {
        if (!file.CanSeek || file.Length - file.Position < GzipTrailer)
        {
            return 0;
        }

        var (start, trailer) = (file.Position, new byte[GzipTrailer]);
        file.Seek(-GzipTrailer, SeekOrigin.End);
        await file.ReadExactlyAsync(trailer, cancellation);
        file.Position = start;
        return BinaryPrimitives.ReadUInt32LittleEndian(trailer);
    }

    // A gzipped file is known by its first two bytes, whatever it is called.
    private static async Task<(PipeReader, bool IsZipped)> Open(Stream file, CancellationToken cancellation)
    {
        var reader = PipeReader.Create(file, _pipe);
        var head = await reader.ReadAtLeastAsync(2, cancellation);
        var isZipped = head.Buffer.Length >= 2 && head.Buffer.Slice(0, 2).ToArray() is [0x1f, 0x8b];
        reader.AdvanceTo(head.Buffer.Start);
        return isZipped ? (PipeReader.Create(new GZipStream(reader.AsStream(), CompressionMode.Decompress), _pipe), true) : (reader, false);
    }

    private static async Task<(ReadResult, string? Damage)> Next(PipeReader reader, CancellationToken cancellation)
    {
        try
        {
            return (await reader.ReadAsync(cancellation), null);
        }
        catch (InvalidDataException e)
        {
            return (default, $"the rest cannot be unzipped: {e.Message}");
        }
    }

    private static ReadOnlySequence<byte>? Cut(ref ReadOnlySequence<byte> buffer, bool isLast)
    {
        if (buffer.PositionOf((byte)'\n') is { } end)
        {
            var line = buffer.Slice(0, end);
            buffer = buffer.Slice(buffer.GetPosition(1, end));
            return line;
        }

        if (!isLast || buffer.IsEmpty)
        {
            return null;
        }

        var rest = buffer;
        buffer = buffer.Slice(buffer.End);
        return rest;
    }
}
