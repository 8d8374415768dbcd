namespace EmbeddingFunctions.Testing;

/// <content>A connection that misbehaves. Only <see cref="ResetBeforeHeaders"/> and <see cref="HugeBody"/> do no work to be paid
/// for.</content>
public abstract partial record Fault
{
    public static Fault ResetBeforeHeaders() => new ConnectionFault(nameof(ResetBeforeHeaders), exchange =>
    {
        exchange.Cut();
        return Task.CompletedTask;
    });

    public static Fault ResetAfterHeaders() =>
        Sent(nameof(ResetAfterHeaders), (exchange, body) => SendPartAsync(exchange, body, 0, reset: true));

    /// <summary>Half the body, then a reset.</summary>
    public static Fault ResetMidBody() =>
        Sent(nameof(ResetMidBody), (exchange, body) => SendPartAsync(exchange, body, body.Length / 2, reset: true));

    /// <summary>Half the body that the headers promise, then an orderly close.</summary>
    public static Fault TruncatedBody() =>
        Sent(nameof(TruncatedBody), (exchange, body) => SendPartAsync(exchange, body, body.Length / 2, reset: false));

    /// <summary>Half the JSON, as a whole and well-formed HTTP reply.</summary>
    public static Fault CutJson() => Sent(nameof(CutJson), (exchange, body) => exchange.SendJsonAsync(body[..(body.Length / 2)]));

    /// <summary>The right reply, ten small writes a second or fewer.</summary>
    public static Fault SlowDrip(int bytesPerSecond) =>
        Sent(nameof(SlowDrip), (exchange, body) => DripAsync(exchange, body, bytesPerSecond));

    /// <summary>A JSON reply of this many bytes, its length undeclared unless <paramref name="declareLength"/>.</summary>
    public static Fault HugeBody(long size, bool declareLength = false) =>
        new ConnectionFault(nameof(HugeBody), exchange => HugeReply.SendAsync(exchange, size, declareLength));

    /// <summary>Does the work, then answers 200 after <paramref name="time"/>, to a closed connection if need be.</summary>
    public static Fault Hang(TimeSpan time) => Sent(nameof(Hang), async (exchange, body) =>
    {
        await exchange.WaitAsync(time);
        await exchange.SendJsonAsync(body);
    });

    /// <summary>Does the work, then answers 200 once <paramref name="released"/> completes or the client has gone.</summary>
    public static Fault Hang(Task released) => Sent(nameof(Hang), async (exchange, body) =>
    {
        await released.WaitAsync(exchange.Gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await exchange.SendJsonAsync(body);
    });

    private static ConnectionFault Sent(string name, Func<Exchange, ReadOnlyMemory<byte>, Task> send) =>
        new(name, exchange => exchange.AnswerAsync(send: body => send(exchange, body)));

    private static async Task SendPartAsync(Exchange exchange, ReadOnlyMemory<byte> body, int length, bool reset)
    {
        exchange.Begin(200, "application/json", body.Length);
        await exchange.Body.WriteAsync(body[..length]);
        await exchange.Body.FlushAsync();
        if (reset)
            exchange.Cut();
    }

    private static async Task DripAsync(Exchange exchange, ReadOnlyMemory<byte> body, int bytesPerSecond)
    {
        var portion = Math.Max(1, bytesPerSecond / 10);
        exchange.Begin(200, "application/json", body.Length);
        for (; body.Length > portion && !exchange.Gone.IsCancellationRequested; body = body[portion..])
        {
            await exchange.Body.WriteAsync(body[..portion]);
            await exchange.WaitAsync(TimeSpan.FromSeconds((double)portion / bytesPerSecond));
        }

        exchange.Leave();
        await exchange.Body.WriteAsync(body);
    }
}
