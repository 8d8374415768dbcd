using EmbeddingFunctions.Resilience;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>What the database does, on a test's clock; it can be unavailable.</summary>
internal sealed class MemoryLimiterStore(TimeProvider time) : ILimiterStore
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, string> _states = [];

    public bool IsUnavailable { get; set; }

    public Task<StoredState?> Read(string name)
    {
        lock (_lock)
        {
            return Task.FromResult(IsUnavailable ? null : new StoredState(_states.GetValueOrDefault(name), time.GetUtcNow()));
        }
    }

    public Task<StoredState?> Exchange(string name, string? expected, string next)
    {
        lock (_lock)
        {
            if (IsUnavailable || _states.GetValueOrDefault(name) != expected)
            {
                return Read(name);
            }

            _states[name] = next;
            return Task.FromResult<StoredState?>(new(next, time.GetUtcNow(), IsExchanged: true));
        }
    }
}
