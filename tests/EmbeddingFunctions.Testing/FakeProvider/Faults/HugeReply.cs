using System.Text;

namespace EmbeddingFunctions.Testing;

/// <summary>A reply with one endless base64 vector, made as it is sent.</summary>
internal static class HugeReply
{
    private static readonly byte[] _head = """
        {"object":"list","data":[{"object":"embedding","index":0,"embedding":"
        """u8.ToArray();

    private static readonly byte[] _tail = """
        "}],"model":"text-embedding-3-small","usage":{"prompt_tokens":1,"total_tokens":1}}
        """u8.ToArray();

    private static readonly byte[] _filling = Encoding.UTF8.GetBytes(new string('A', 64 * 1024));

    public static async Task SendAsync(Exchange exchange, long size, bool declareLength)
    {
        var filling = Math.Max(0, size - _head.Length - _tail.Length);
        exchange.Begin(200, "application/json", declareLength ? _head.Length + filling + _tail.Length : null);
        await exchange.Body.WriteAsync(_head);
        while (filling > 0 && !exchange.Gone.IsCancellationRequested)
        {
            var portion = (int)Math.Min(filling, _filling.Length);
            await exchange.Body.WriteAsync(_filling.AsMemory(0, portion));
            filling -= portion;
        }

        exchange.Leave();
        await exchange.Body.WriteAsync(_tail);
    }
}
