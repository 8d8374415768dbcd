using EmbeddingFunctions;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.VectorData;
using Microsoft.Extensions.VectorData;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds corpora as collections of Microsoft.Extensions.VectorData.</summary>
public static class CollectionServices
{
    /// <summary>
    /// Adds <see cref="VectorStoreCollection{TKey, TRecord}"/>, <see cref="IVectorSearchable{TRecord}"/> and
    /// <see cref="IKeywordHybridSearchable{TRecord}"/> over a corpus: see <see cref="AsCollection"/>.
    /// </summary>
    /// <typeparam name="TKey">The key's type: string, Guid, int or long.</typeparam>
    /// <typeparam name="TRecord">The record, with the attributes of Microsoft.Extensions.VectorData.</typeparam>
    /// <param name="builder">From AddEmbeddings.</param>
    /// <param name="corpus">The corpus's name.</param>
    /// <param name="kind">The kind whose rows are records; null: the corpus has one.</param>
    public static EmbeddingsBuilder AddCollection<TKey, TRecord>(this EmbeddingsBuilder builder, string corpus, string? kind = null)
        where TKey : notnull
        where TRecord : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services
            .AddSingleton<VectorStoreCollection<TKey, TRecord>>(
                s => s.GetRequiredService<ISearch>().AsCollection<TKey, TRecord>(corpus, kind))
            .AddSingleton<IVectorSearchable<TRecord>>(s => s.GetRequiredService<VectorStoreCollection<TKey, TRecord>>())
            .AddSingleton(s => (IKeywordHybridSearchable<TRecord>)s.GetRequiredService<VectorStoreCollection<TKey, TRecord>>());
        return builder;
    }

    /// <summary>
    /// The rows of a corpus as records that are searched and read. Your app writes them as rows of its own table, and their vectors follow:
    /// what would write through the collection is refused with a <see cref="NotSupportedException"/>.
    /// </summary>
    /// <remarks>
    /// A search by meaning scores a record by its cosine similarity, or by its distance where the record's vector declares
    /// <see cref="DistanceFunction.CosineDistance"/>. A hybrid search, for which the collection is an
    /// <see cref="IKeywordHybridSearchable{TRecord}"/>, scores it by reciprocal rank fusion, whose numbers only order the results. A
    /// threshold is one of similarity, or distance, in both.
    /// </remarks>
    /// <typeparam name="TKey">The key's type: string, Guid, int or long.</typeparam>
    /// <typeparam name="TRecord">
    /// The record, with the attributes of Microsoft.Extensions.VectorData and a constructor without parameters.
    /// </typeparam>
    /// <param name="search">Answers searches.</param>
    /// <param name="corpus">The corpus's name.</param>
    /// <param name="kind">The kind whose rows are records; null: the corpus has one.</param>
    /// <exception cref="NotSupportedException">The record's attributes ask for what cannot be done.</exception>
    public static VectorStoreCollection<TKey, TRecord> AsCollection<TKey, TRecord>(
        this ISearch search, string corpus, string? kind = null)
        where TKey : notnull
        where TRecord : class
    {
        ArgumentNullException.ThrowIfNull(search);
        ArgumentNullException.ThrowIfNull(corpus);
        return new CorpusCollection<TKey, TRecord>(search, corpus, kind);
    }
}
