using System.Linq.Expressions;
using System.Runtime.CompilerServices;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Search;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.VectorData;

namespace EmbeddingFunctions.VectorData;

/// <summary>The rows of a corpus as records that are searched and read, as <c>AsCollection</c> describes them.</summary>
internal sealed class CorpusCollection<TKey, TRecord> : VectorStoreCollection<TKey, TRecord>, IKeywordHybridSearchable<TRecord>
    where TKey : notnull
    where TRecord : class
{
    private const int MostInAPage = 100;

    // A search's pages are cut from lists of this length.
    private const int MostFound = 200;
    private const int MostInARead = 1_000;

    private readonly ISearch _search;
    private readonly string? _kind;
    private readonly RecordType<TKey, TRecord> _type = new();
    private volatile RecordMap<TKey, TRecord>? _map;

    /// <exception cref="NotSupportedException">The record's attributes ask for what cannot be done.</exception>
    public CorpusCollection(ISearch search, string corpus, string? kind) => (_search, Name, _kind) = (search, corpus, kind);

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>Whether the corpus is declared and migrated.</summary>
    public override async Task<bool> CollectionExistsAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            await _search.DescribeAsync(Name, cancellationToken: cancellationToken);
            return true;
        }
        catch (Exception e) when (e is NotFoundException or DatabaseNotReadyException)
        {
            return false;
        }
    }

    /// <summary>Makes nothing: the corpus must have been migrated.</summary>
    /// <exception cref="DatabaseNotReadyException">It was not: call <c>IEmbeddings.MigrateAsync</c>.</exception>
    public override Task EnsureCollectionExistsAsync(CancellationToken cancellationToken = default) =>
        _search.DescribeAsync(Name, cancellationToken: cancellationToken);

    /// <inheritdoc/>
    public override async Task<TRecord?> GetAsync(
        TKey key, RecordRetrievalOptions? options = null, CancellationToken cancellationToken = default)
    {
        await foreach (var record in GetAsync([key], options, cancellationToken))
        {
            return record;
        }

        return null;
    }

    /// <inheritdoc/>
    public override async IAsyncEnumerable<TRecord> GetAsync(
        IEnumerable<TKey> keys, RecordRetrievalOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        RefuseVectors(options?.IncludeVectors);
        var map = await Map(cancellationToken);
        foreach (var ids in keys.Select(KeyText.Of).Distinct().Chunk(MostInARead))
        {
            foreach (var item in await _search.GetAsync(map.Items() with { Ids = ids, Limit = MostInARead }, cancellationToken))
            {
                yield return map.Record(item);
            }
        }
    }

    /// <summary>Records by a filter, in the order of their keys.</summary>
    /// <exception cref="NotSupportedException">The filter cannot be translated, or another order is asked for.</exception>
    public override async IAsyncEnumerable<TRecord> GetAsync(
        Expression<Func<TRecord, bool>> filter, int top, FilteredRecordRetrievalOptions<TRecord>? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        RefuseVectors(options?.IncludeVectors);
        if (options?.OrderBy is not null)
        {
            throw new NotSupportedException("Records come in the order of their keys: sort them afterwards, or query your table.");
        }

        var map = await Map(cancellationToken);
        var request = map.Items() with { Where = map.Conditions(filter) };
        for (var (read, skip) = (0, options?.Skip ?? 0); read < top;)
        {
            var most = Math.Min(MostInARead, top - read);
            var items = await _search.GetAsync(request with { Limit = most, Offset = skip + read }, cancellationToken);
            foreach (var item in items)
            {
                yield return map.Record(item);
            }

            read += items.Count < most ? top : items.Count;
        }
    }

    /// <summary>Records by meaning, the nearest first.</summary>
    /// <param name="searchValue">A string, or a vector as float[], <see cref="ReadOnlyMemory{T}"/> or <see cref="Embedding{T}"/>.</param>
    /// <param name="top">How many, of as many as there are.</param>
    /// <param name="options">A filter, a threshold, how many are passed over.</param>
    /// <param name="cancellationToken">Cancels the search.</param>
    /// <exception cref="NotSupportedException">The value or the filter cannot be translated.</exception>
    public override IAsyncEnumerable<VectorSearchResult<TRecord>> SearchAsync<TInput>(
        TInput searchValue, int top, VectorSearchOptions<TRecord>? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        RefuseVectors(options?.IncludeVectors);
        var (text, vector) = SearchValue.Of(searchValue);
        return Find(
            new SearchRequest { Corpus = Name, Query = text, Vector = vector, Mode = SearchMode.Vector },
            options?.Filter, options?.ScoreThreshold, options?.Skip ?? 0, top, cancellationToken);
    }

    /// <summary>Records by meaning and by words, fused by their ranks.</summary>
    /// <param name="searchValue">As of <see cref="SearchAsync"/>.</param>
    /// <param name="keywords">Words and phrases, any of which may be in a record; none: the words of a string that is searched for.</param>
    /// <param name="top">How many, of as many as there are.</param>
    /// <param name="options">A filter, a threshold, how many are passed over.</param>
    /// <param name="cancellationToken">Cancels the search.</param>
    /// <exception cref="NotSupportedException">The value or the filter cannot be translated.</exception>
    public async IAsyncEnumerable<VectorSearchResult<TRecord>> HybridSearchAsync<TInput>(
        TInput searchValue, ICollection<string> keywords, int top, HybridSearchOptions<TRecord>? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
        where TInput : notnull
    {
        ArgumentNullException.ThrowIfNull(keywords);
        ArgumentOutOfRangeException.ThrowIfLessThan(top, 1);
        RefuseVectors(options?.IncludeVectors);
        var (text, vector) = SearchValue.Of(searchValue);
        if (keywords.Count > 0)
        {
            vector ??= (await _search.EmbedAsync(Name, text!, cancellationToken: cancellationToken)).Vector;
            text = string.Join(" or ", keywords.Select(word => $"\"{word.Replace('"', ' ')}\""));
        }

        var request = new SearchRequest { Corpus = Name, Query = text, Vector = vector, Mode = SearchMode.Hybrid };
        await foreach (
            var found in Find(request, options?.Filter, options?.ScoreThreshold, options?.Skip ?? 0, top, cancellationToken))
        {
            yield return found;
        }
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(VectorStoreCollectionMetadata)
                ? new VectorStoreCollectionMetadata { VectorStoreSystemName = "postgresql", CollectionName = Name }
            : serviceType == typeof(ISearch) ? _search
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Refused.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override Task EnsureCollectionDeletedAsync(CancellationToken cancellationToken = default) =>
        throw new NotSupportedException(
            $"The rows of '{Name}' are your table's, which is not deleted here; 'embeddings migrate {Name} --down' removes their vectors.");

    /// <summary>Refused.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override Task DeleteAsync(TKey key, CancellationToken cancellationToken = default) => throw ReadOnly("DELETE");

    /// <summary>Refused.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override Task UpsertAsync(TRecord record, CancellationToken cancellationToken = default) => throw ReadOnly("INSERT or UPDATE");

    /// <summary>Refused.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override Task UpsertAsync(IEnumerable<TRecord> records, CancellationToken cancellationToken = default) =>
        throw ReadOnly("INSERT or UPDATE");

    private async IAsyncEnumerable<VectorSearchResult<TRecord>> Find(
        SearchRequest request, Expression<Func<TRecord, bool>>? filter, double? threshold, int skip, int top,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (skip + top > MostFound)
        {
            throw new NotSupportedException(
                $"top and Skip come to {skip + top:N0}, and a search finds at most {MostFound}: filter it, or read records with GetAsync.");
        }

        var map = await Map(cancellationToken);
        request = request with
        {
            Kinds = [map.Kind],
            Columns = map.Columns,
            Where = filter is null ? [] : map.Conditions(filter),
            MinSimilarity = threshold is { } score ? _type.Similarity(score) : null,
            Limit = Math.Min(MostInAPage, skip + top),
        };
        var isHybrid = request.Mode == SearchMode.Hybrid;
        for (var passed = 0; ;)
        {
            var page = await _search.SearchAsync(request, cancellationToken);
            foreach (var item in page.Results)
            {
                if (++passed > skip)
                {
                    yield return new VectorSearchResult<TRecord>(
                        map.Record(item), isHybrid ? item.Score : _type.Score(item.Similarity));
                }

                if (passed == skip + top)
                {
                    yield break;
                }
            }

            if (page.Next is null)
            {
                yield break;
            }

            request = request with { Cursor = page.Next };
        }
    }

    private async Task<RecordMap<TKey, TRecord>> Map(CancellationToken cancellationToken) =>
        _map ??= new RecordMap<TKey, TRecord>(
            await _search.DescribeAsync(Name, cancellationToken: cancellationToken), _kind, _type);

    private static void RefuseVectors(bool? areAskedFor)
    {
        if (areAskedFor == true)
        {
            throw new NotSupportedException(
                "Records come without their vectors: leave IncludeVectors false, or read them from the view embedding.live_….");
        }
    }

    private NotSupportedException ReadOnly(string statement) => new(
        $"The records of '{Name}' are rows of your table: {statement} there, and their vectors follow by themselves.");
}
