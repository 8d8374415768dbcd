using System.Linq.Expressions;
using System.Reflection;
using System.Text.Json;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.VectorData;

/// <summary>How the properties of a record and the columns of a kind belong together.</summary>
internal sealed class RecordMap<TKey, TRecord> where TRecord : class
{
    private readonly string _corpus;
    private readonly PropertyInfo _key;
    private readonly Dictionary<string, string> _columns = [];
    private readonly List<(PropertyInfo Property, string Column)> _written = [];

    /// <exception cref="NotSupportedException">A property has no column, or the kind must be named.</exception>
    public RecordMap(SearchableCorpus corpus, string? kind, RecordType<TKey, TRecord> type)
    {
        var kinds = corpus.Kinds.Where(one => kind is null || one.Kind == kind).ToList();
        var found = kinds is [var only] ? only : throw new NotSupportedException(
            $"Name the kind whose rows are records of '{corpus.Corpus}': {string.Join(", ", corpus.Kinds.Select(one => one.Kind))}.");
        (_corpus, Kind, _key) = (corpus.Corpus, found.Kind, type.Key);
        foreach (var (property, storageName) in type.Data)
        {
            var column = Column(storageName ?? property.Name, found) ?? throw new NotSupportedException(
                $"{typeof(TRecord).Name}.{property.Name} has no column in '{corpus.Corpus}'. "
                    + $"Name one with [VectorStoreData(StorageName = \"…\")]: {string.Join(", ", found.Columns.Keys)}.");
            _columns.Add(property.Name, column);
            if (property.CanWrite)
            {
                _written.Add((property, column));
            }
        }

        if (Column(type.KeyStorageName ?? _key.Name, found) is { } keyColumn)
        {
            _columns.Add(_key.Name, keyColumn);
        }

        Columns = _written.Select(pair => pair.Column).Distinct().ToList();
    }

    public string Kind { get; }

    /// <summary>Those that records are made of.</summary>
    public IReadOnlyList<string> Columns { get; }

    public ItemsRequest Items() => new() { Corpus = _corpus, Kinds = [Kind], Columns = Columns };

    /// <exception cref="NotSupportedException">The filter cannot be translated; the message says what to do.</exception>
    public IReadOnlyList<SearchFilter> Conditions(Expression<Func<TRecord, bool>> filter) =>
        new FilterTranslator(filter.Parameters[0], Filterable).Translate(filter.Body);

    public TRecord Record(SearchResult item)
    {
        var record = Activator.CreateInstance<TRecord>();
        _key.SetValue(record, KeyText.Parse(item.Id, _key.PropertyType));
        foreach (var (property, column) in _written)
        {
            property.SetValue(record, Value(item.Columns?.GetValueOrDefault(column), property.PropertyType));
        }

        return record;
    }

    private static object? Value(object? value, Type type) =>
        value is null || type.IsInstanceOfType(value) ? value : JsonSerializer.SerializeToElement(value).Deserialize(type);

    private string Filterable(PropertyInfo property) => _columns.GetValueOrDefault(property.Name) ?? throw new NotSupportedException(
        $"{typeof(TRecord).Name}.{property.Name} has no column to filter by: filter by {string.Join(", ", _columns.Keys)}.");

    // Its own name, else the one that differs in case and underscores alone.
    private static string? Column(string name, SearchableKind kind) =>
        kind.Columns.ContainsKey(name) ? name : kind.Columns.Keys.FirstOrDefault(column => Plain(column) == Plain(name));

    private static string Plain(string name) => name.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
}
