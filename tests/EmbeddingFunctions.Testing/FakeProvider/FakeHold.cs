namespace EmbeddingFunctions.Testing;

/// <summary>A closed gate before the fake: matching requests that arrive wait until it is released or disposed.</summary>
public sealed class FakeHold : IDisposable
{
    private readonly Gate _gate;
    private readonly RequestMatcher _matcher;
    private readonly Tally _held = new();
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal FakeHold(Gate gate, Requests which)
    {
        _gate = gate;
        _matcher = new RequestMatcher(which);
    }

    /// <summary>Requests held so far, the released included.</summary>
    public int HeldCount => _held.Count;

    /// <summary>Waits until <paramref name="count"/> requests have been held, 30 seconds at most unless told otherwise.</summary>
    public Task WaitForHeldAsync(int count, TimeSpan? timeout = null) => _held.WaitAsync(count, timeout ?? FakeOpenAi.Patience);

    public void Release()
    {
        _gate.Open(this);
        _released.TrySetResult();
    }

    public void Dispose() => Release();

    internal bool Catches(ArrivedRequest request) => _matcher.TryMatch(request, out _);

    internal Task WaitAsync(CancellationToken gone)
    {
        _held.Add();
        return _released.Task.WaitAsync(gone);
    }
}
