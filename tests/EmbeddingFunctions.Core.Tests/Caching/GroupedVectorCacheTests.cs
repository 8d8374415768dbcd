using EmbeddingFunctions.Caching;

namespace EmbeddingFunctions.Core.Tests.Caching;

/// <summary>Stores that come while another is under way go together.</summary>
public sealed class GroupedVectorCacheTests : IVectorCache
{
    private readonly List<int> _stored = [];
    private readonly TaskCompletionSource _released = new();

    private Exception? _failure;

    [Fact]
    public async Task Stores_that_come_while_another_is_under_way_are_one()
    {
        var cache = new GroupedVectorCache(this);
        var first = cache.Store([Entry("a")]);
        var others = Task.WhenAll(cache.Store([Entry("b"), Entry("c")]), cache.Store([Entry("d")]), cache.Store([Entry("b")]));
        await Task.Yield();
        Assert.False(first.IsCompleted || others.IsCompleted);

        _released.SetResult();
        await first;
        await others;
        await cache.Store([Entry("e")]);
        await cache.Store([]);

        Assert.Equal([1, 3, 1], _stored);
    }

    [Fact]
    public async Task A_failure_reaches_those_it_concerns_alone()
    {
        var cache = new GroupedVectorCache(this);
        _failure = new InvalidOperationException("full");
        var first = cache.Store([Entry("a")]);
        _released.SetResult();
        await Assert.ThrowsAsync<InvalidOperationException>(() => first);

        _failure = null;
        await cache.Store([Entry("b")]);

        Assert.Equal([1], _stored);
    }

    Task<IReadOnlyDictionary<string, ReadOnlyMemory<float>>> IVectorCache.Find(
        IReadOnlyList<string> fingerprints, int dimensions, DateTimeOffset? since, CancellationToken cancellation) =>
        throw new NotSupportedException();

    async Task IVectorCache.Store(IReadOnlyList<KeyValuePair<string, ReadOnlyMemory<float>>> vectors)
    {
        await _released.Task;
        if (_failure is not null)
        {
            throw _failure;
        }

        _stored.Add(vectors.Count);
    }

    Task IVectorCache.Forget(IReadOnlyList<string> fingerprints, CancellationToken cancellation) => throw new NotSupportedException();

    private static KeyValuePair<string, ReadOnlyMemory<float>> Entry(string fingerprint) => new(fingerprint, new float[2]);
}
