using EmbeddingFunctions.Providers;
using Microsoft.Extensions.AI;

namespace EmbeddingFunctions.Core.Tests.Resilience;

/// <summary>A provider that fails as scripted, one entry a call, and then answers well: a vector of one number for each text.</summary>
internal sealed class ScriptedGenerator(
    TimeProvider time, params ProviderException[] faults) : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly Queue<ProviderException> _faults = new(faults);

    /// <summary>When each call came.</summary>
    public List<DateTimeOffset> Calls { get; } = [];

    public List<TimeSpan> Gaps => [.. Calls.Zip(Calls.Skip(1)).Select(pair => pair.Second - pair.First)];

    public int? TokensOfEachCall { get; init; }

    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        lock (_faults)
        {
            Calls.Add(time.GetUtcNow());
            if (_faults.TryDequeue(out var fault))
            {
                throw fault;
            }
        }

        return Task.FromResult(new GeneratedEmbeddings<Embedding<float>>(values.Select(_ => new Embedding<float>(new float[] { 1 })))
        {
            Usage = TokensOfEachCall is { } tokens ? new UsageDetails { InputTokenCount = tokens } : null,
        });
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
