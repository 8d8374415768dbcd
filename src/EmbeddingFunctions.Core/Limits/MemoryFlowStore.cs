namespace EmbeddingFunctions.Limits;

/// <summary>This process's own state, for when every shared store is away: a quarter of the limits, so that a few such processes stay within them.</summary>
internal sealed class MemoryFlowStore(TimeProvider time, double part = 0.25) : IFlowStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, string> _states = [];

    public double Part => part;

    public Task<KeptFlow?> Read(string provider, CancellationToken cancellation)
    {
        lock (_lock)
        {
            return Task.FromResult<KeptFlow?>(new(_states.GetValueOrDefault(provider), time.GetUtcNow()));
        }
    }

    public Task<KeptFlow?> Exchange(string provider, string? expected, string next, CancellationToken cancellation)
    {
        lock (_lock)
        {
            var current = _states.GetValueOrDefault(provider);
            if (current != expected)
            {
                return Task.FromResult<KeptFlow?>(new(current, time.GetUtcNow()));
            }

            _states[provider] = next;
            return Task.FromResult<KeptFlow?>(new(next, time.GetUtcNow(), IsExchanged: true));
        }
    }
}
