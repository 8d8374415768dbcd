using System.Collections.Concurrent;
using EmbeddingFunctions.Providers;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Resilience;

/// <summary>Logs once when all retries of a model's call have failed, and once when the model answers again.</summary>
internal sealed class ProviderOutages(ILogger<ProviderOutages> log, TimeProvider time)
{
    private static readonly TimeSpan _retriesLogged = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, long> _since = new();
    private readonly ConcurrentDictionary<string, long> _retried = new();

    public void Failed(string model, ProviderException fault)
    {
        if (!_since.TryAdd(model, time.GetTimestamp()))
        {
            return;
        }

        if (fault.Fault == ProviderFault.Configuration)
        {
            log.ProviderRefuses(model, fault.Message);
        }
        else
        {
            log.ProviderFails(model, fault.Message);
        }
    }

    /// <summary>Of the callers of a model that are to wait at one time, one is logged.</summary>
    public void Retried(string model, TimeSpan wait, ProviderException fault)
    {
        var now = time.GetTimestamp();
        if (!_retried.TryGetValue(model, out var last) || time.GetElapsedTime(last, now) >= _retriesLogged)
        {
            _retried[model] = now;
            log.CallIsRetried(model, wait.TotalSeconds, fault.Message);
        }
    }

    public void Answered(string model)
    {
        if (!_since.IsEmpty && _since.TryRemove(model, out var since))
        {
            log.ProviderAnswersAgain(model, time.GetElapsedTime(since).TotalSeconds);
        }
    }
}
