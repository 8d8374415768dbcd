using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Resilience;

/// <summary>Rate limits, pauses and circuit of one provider, shared by all processes, for each of its models.</summary>
/// <param name="account">The provider and the API key.</param>
/// <param name="limits">Of a minute, for all processes together.</param>
/// <param name="store">Shared by all processes.</param>
/// <param name="time">The clock of all waits.</param>
/// <param name="log">Circuit changes, long waits, loss and return of the store.</param>
internal sealed class SharedRateLimiter(
    ProviderAccount account, RateLimits limits, ILimiterStore store, TimeProvider time, ILogger<SharedRateLimiter> log) : IDisposable
{
    private readonly ConcurrentDictionary<string, ModelLimiter> _models = new();

    public ModelLimiter Of(string model) => _models.GetOrAdd(model, name => new ModelLimiter(
        name, account.Key, limits, new SharedState($"{account.Provider} {name}", store, time, log), time, log));

    public void Dispose()
    {
        foreach (var model in _models.Values)
        {
            model.Dispose();
        }
    }
}
