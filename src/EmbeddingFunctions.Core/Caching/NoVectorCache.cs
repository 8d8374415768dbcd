namespace EmbeddingFunctions.Caching;

/// <summary>For a provider that costs nothing.</summary>
internal sealed class NoVectorCache : IVectorCache
{
    public Task<IReadOnlyDictionary<string, ReadOnlyMemory<float>>> Find(
        IReadOnlyList<string> fingerprints, int dimensions, DateTimeOffset? since, CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyDictionary<string, ReadOnlyMemory<float>>>(new Dictionary<string, ReadOnlyMemory<float>>());

    public Task Store(IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<float>>> vectors) => Task.CompletedTask;

    public Task Forget(IReadOnlyList<string> fingerprints, CancellationToken cancellation) => Task.CompletedTask;
}
