using System.Collections.Concurrent;
using EmbeddingFunctions.Resilience;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Batches;

/// <summary>How many inputs providers were found to accept in a request, which all processes remember.</summary>
internal sealed class InputLimits(SharedRateLimiter limiter, RequestPacker packer)
{
    private readonly ConcurrentDictionary<string, Lazy<Task>> _recalled = new();

    /// <summary>Takes over what other processes have found out about a model.</summary>
    public Task Recall(string model) => _recalled.GetOrAdd(model, name => new Lazy<Task>(async () =>
    {
        if (await limiter.Of(name).MostInputs(CancellationToken.None) is { } most)
        {
            packer.LearnInputs(most);
        }
    })).Value;

    /// <summary>Lets other processes know that a request was refused for the number of its inputs.</summary>
    /// <param name="model">The provider's name of the model.</param>
    /// <param name="accepted">The inputs of the largest request that was accepted instead.</param>
    public Task Remember(string model, int accepted) => limiter.Of(model).LimitInputs(Math.Max(1, accepted));
}
