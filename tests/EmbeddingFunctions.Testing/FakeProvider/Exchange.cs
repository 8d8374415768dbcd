using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.Testing;

/// <summary>One request being answered, with the audit kept in step: whatever a client has seen, the audit knows already.</summary>
internal sealed class Exchange(HttpContext http, ArrivedRequest request, RateVerdict verdict, FakeServices services)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private IReadOnlyList<(string Name, string Value)> _headers = verdict.Headers;
    private bool _left;

    public ArrivedRequest Request => request;

    public FakeOpenAiOptions Options => services.Options;

    /// <summary>The inputs a scripted fault means.</summary>
    public IReadOnlyList<int> Positions { get; set; } = [];

    public PipeWriter Body => http.Response.BodyWriter;

    public CancellationToken Gone => http.RequestAborted;

    public void Meet(Fault fault)
    {
        services.Audit.MeetFault(request.Entry.Number, fault.Name);
        AddHeaders(fault.Headers);
    }

    public void AddHeaders(IReadOnlyList<(string Name, string Value)> headers) => _headers = [.. _headers, .. headers];

    public Task RefuseAsync(Refusal refusal) => SendAsync(refusal.Status, "application/json", refusal.ToJson());

    /// <summary>Answers with vectors, changed first if so scripted, unless the request breaks the contract.</summary>
    public async Task AnswerAsync(Action<Answer, IReadOnlyList<int>>? change = null, Func<ReadOnlyMemory<byte>, Task>? send = null)
    {
        if (Contract.Check(request.Sent, Options) is { } refusal)
        {
            await RefuseAsync(refusal);
            return;
        }

        services.Audit.Pay(request);
        var buffer = services.Buffers.Take();
        var answer = Answer.To(request);
        change?.Invoke(answer, Positions);
        answer.WriteTo(buffer);
        await WaitAsync(Options.Latency - Stopwatch.GetElapsedTime(_started));
        await (send ?? SendJsonAsync)(buffer.WrittenMemory);
        services.Buffers.Return(buffer);
    }

    public Task SendJsonAsync(ReadOnlyMemory<byte> body) => SendAsync(200, "application/json", body);

    public async Task SendAsync(int status, string contentType, ReadOnlyMemory<byte> body)
    {
        Begin(status, contentType, body.Length);
        Leave();
        await Body.WriteAsync(body);
    }

    public void Begin(int status, string contentType, long? length)
    {
        services.Audit.Answer(request.Entry.Number, status);
        var response = http.Response;
        response.StatusCode = status;
        response.ContentType = contentType;
        response.ContentLength = length;
        response.Headers["x-request-id"] = $"req_{Guid.NewGuid():N}";
        foreach (var (name, value) in _headers)
            response.Headers[name] = value;
    }

    /// <summary>
    /// Ends the request's time in flight; before its last bytes go out, or a prompt next request would seem to overlap it.
    /// </summary>
    public void Leave()
    {
        if (!_left)
            services.Audit.Leave();
        _left = true;
    }

    /// <summary>Waits as long as the client does; work once begun is finished and paid though the client has gone.</summary>
    public async Task WaitAsync(TimeSpan time)
    {
        if (time > TimeSpan.Zero)
            await Task.Delay(time, Gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Cut()
    {
        Leave();
        http.Abort();
    }
}
