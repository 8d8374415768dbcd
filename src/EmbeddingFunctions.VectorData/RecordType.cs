using System.Reflection;
using Microsoft.Extensions.VectorData;

namespace EmbeddingFunctions.VectorData;

/// <summary>The properties of a record that its attributes declare.</summary>
internal sealed class RecordType<TKey, TRecord>
{
    private readonly bool _isDistance;

    /// <exception cref="NotSupportedException">The attributes ask for what cannot be done.</exception>
    public RecordType()
    {
        KeyText.Ensure(typeof(TKey));
        var keys = With<VectorStoreKeyAttribute>().ToList();
        Key = keys is [var key] && key.Property.PropertyType == typeof(TKey)
            ? key.Property
            : throw new NotSupportedException(
                $"{typeof(TRecord).Name} needs one property with [VectorStoreKey], of the type {typeof(TKey).Name}.");
        KeyStorageName = keys[0].Attribute.StorageName;
        Data = With<VectorStoreDataAttribute>().Select(data => (data.Property, data.Attribute.StorageName)).ToList();
        _isDistance = With<VectorStoreVectorAttribute>().Select(vector => vector.Attribute.DistanceFunction).FirstOrDefault() switch
        {
            null or DistanceFunction.CosineSimilarity => false,
            DistanceFunction.CosineDistance => true,
            var other => throw new NotSupportedException(
                $"{typeof(TRecord).Name} declares {other}, and corpora are compared by their cosine: "
                    + $"declare {DistanceFunction.CosineSimilarity} or {DistanceFunction.CosineDistance}, or none."),
        };
    }

    public PropertyInfo Key { get; }

    public string? KeyStorageName { get; }

    public IReadOnlyList<(PropertyInfo Property, string? StorageName)> Data { get; }

    /// <returns>A similarity as the record's distance function counts.</returns>
    public double? Score(double? similarity) => _isDistance ? 1 - similarity : similarity;

    /// <returns>The similarity of such a score, 0 to 1.</returns>
    public double Similarity(double score) => Math.Clamp(_isDistance ? 1 - score : score, 0, 1);

    private static IEnumerable<(PropertyInfo Property, T Attribute)> With<T>() where T : Attribute =>
        from property in typeof(TRecord).GetProperties()
        let attribute = property.GetCustomAttribute<T>()
        where attribute is not null
        select (property, attribute);
}
