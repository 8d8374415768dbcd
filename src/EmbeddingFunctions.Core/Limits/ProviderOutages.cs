using System.Collections.Concurrent;
using EmbeddingFunctions.Providers;
using Microsoft.Extensions.Logging;

namespace EmbeddingFunctions.Limits;

/// <summary>Logs once when a provider's model fails beyond all retries, and once when it answers again.</summary>
internal sealed class ProviderOutages(ILogger<ProviderOutages> log, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, long> _since = new();

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

    public void Answered(string model)
    {
        if (!_since.IsEmpty && _since.TryRemove(model, out var since))
        {
            log.ProviderAnswersAgain(model, time.GetElapsedTime(since).TotalSeconds);
        }
    }
}
