namespace EmbeddingFunctions.Testing;

/// <summary>The holds in force.</summary>
internal sealed class Gate
{
    private readonly Lock _lock = new();
    private readonly List<FakeHold> _holds = [];

    public FakeHold Hold(Requests which)
    {
        var hold = new FakeHold(this, which);
        lock (_lock)
            _holds.Add(hold);
        return hold;
    }

    public void Open(FakeHold hold)
    {
        lock (_lock)
            _holds.Remove(hold);
    }

    public async Task PassAsync(ArrivedRequest request, CancellationToken gone)
    {
        List<FakeHold> caught;
        lock (_lock)
            caught = _holds.FindAll(hold => hold.Catches(request));
        foreach (var hold in caught)
            await hold.WaitAsync(gone);
    }
}
