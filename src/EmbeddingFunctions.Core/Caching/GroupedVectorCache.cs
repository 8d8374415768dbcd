namespace EmbeddingFunctions.Caching;

/// <summary>Stores in one round trip what several requests were answered while another store was under way.</summary>
internal sealed class GroupedVectorCache(IVectorCache cache) : IVectorCache
{
    // Of one statement: some ten megabytes.
    private const int Most = 1_000;

    private readonly Lock _lock = new();
    private Group _next = new();
    private bool _isStoring;

    public Task<IReadOnlyDictionary<string, ReadOnlyMemory<float>>> Find(
        IReadOnlyList<string> fingerprints, int dimensions, DateTimeOffset? since, CancellationToken cancellation) =>
        cache.Find(fingerprints, dimensions, since, cancellation);

    public Task Forget(IReadOnlyList<string> fingerprints, CancellationToken cancellation) => cache.Forget(fingerprints, cancellation);

    public async Task Store(IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<float>>> vectors)
    {
        if (vectors.Count == 0)
        {
            return;
        }

        Group mine;
        bool isFirst;
        lock (_lock)
        {
            mine = _next;
            foreach (var (fingerprint, vector) in vectors)
            {
                mine.Vectors[fingerprint] = vector;
            }

            (isFirst, _isStoring) = (!_isStoring, true);
        }

        if (isFirst)
        {
            _ = StoreAll();
        }

        await mine.IsStored.Task;
    }

    private async Task StoreAll()
    {
        while (true)
        {
            Group group;
            lock (_lock)
            {
                if (_next.Vectors.Count == 0)
                {
                    _isStoring = false;
                    return;
                }

                (group, _next) = (_next, new Group());
            }

            try
            {
                foreach (var part in group.Vectors.Chunk(Most))
                {
                    await cache.Store(part);
                }

                group.IsStored.SetResult();
            }
            catch (Exception e)
            {
                group.IsStored.SetException(e);
            }
        }
    }

    private sealed class Group
    {
        public Dictionary<string, ReadOnlyMemory<float>> Vectors { get; } = [];

        public TaskCompletionSource IsStored { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
