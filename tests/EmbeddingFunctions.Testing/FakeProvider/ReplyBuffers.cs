using System.Buffers;
using System.Collections.Concurrent;

namespace EmbeddingFunctions.Testing;

/// <summary>Reply buffers kept for reuse: at bench speed a fresh large one a request would keep the collector busy.</summary>
internal sealed class ReplyBuffers
{
    private readonly ConcurrentBag<ArrayBufferWriter<byte>> _free = [];

    public ArrayBufferWriter<byte> Take() => _free.TryTake(out var buffer) ? buffer : new ArrayBufferWriter<byte>(64 * 1024);

    public void Return(ArrayBufferWriter<byte> buffer)
    {
        buffer.ResetWrittenCount();
        _free.Add(buffer);
    }
}
