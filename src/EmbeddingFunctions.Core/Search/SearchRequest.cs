using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Search;

/// <summary>A search: of its <see cref="Query"/>, <see cref="Vector"/> and <see cref="Item"/> it has one.</summary>
public sealed record SearchRequest
{
    /// <summary>The corpus's name.</summary>
    public required string Corpus { get; init; }

    /// <summary>What a person asks, up to 10,000 characters; a blank one finds nothing.</summary>
    [MaxLength(RequestRules.MostCharacters)]
    public string? Query { get; init; }

    /// <summary>A vector by the corpus's rule in place of a query's; with a query too, the words are those of the query.</summary>
    public IReadOnlyList<float>? Vector { get; init; }

    /// <summary>Finds what is like this item, without the item itself and its copies.</summary>
    public ItemKey? Item { get; init; }

    /// <summary>By meaning, by words, or by both.</summary>
    [JsonConverter(typeof(CamelCaseEnum))]
    public SearchMode Mode { get; init; }

    /// <summary>Only items of these kinds; none: of all.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    /// <summary>
    /// Only items of this partition; null: of all that the scope shows. Of an item's neighbours null means its own partition, and
    /// <c>*</c> all that the scope shows.
    /// </summary>
    public string? Partition { get; init; }

    /// <summary>Only items whose columns meet all of these.</summary>
    public IReadOnlyList<SearchFilter> Where { get; init; } = [];

    /// <summary>Results of a page: 1 to 100.</summary>
    [Range(1, 100), DefaultValue(10)]
    public int Limit { get; init; } = 10;

    /// <summary><see cref="SearchResponse.Next"/> of the page before.</summary>
    public string? Cursor { get; init; }

    /// <summary>Only items whose cosine similarity is at least this, 0 to 1.</summary>
    [Range(0d, 1d)]
    public double? MinSimilarity { get; init; }

    /// <summary>Compares every vector that the filters leave, without an index.</summary>
    public bool Exact { get; init; }

    /// <summary>Shows items by vectors of an older text too, marked as stale.</summary>
    public bool IncludeStale { get; init; }

    /// <summary>How words that were found are marked in snippets.</summary>
    [JsonConverter(typeof(CamelCaseEnum))]
    public SearchHighlight Highlight { get; init; }

    /// <summary>
    /// 0: results in their order. Up to 1: an item is left out whose similarity to a better one is greater than 1 minus this.
    /// </summary>
    [Range(0d, 1d)]
    public double Diversity { get; init; }

    /// <summary>Columns whose values results have, of those that <see cref="SearchableKind.Columns"/> names; null: none.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>The settings of reciprocal rank fusion.</summary>
    public SearchFusion Fusion { get; init; } = new();

    /// <summary>What the caller may see; null: everything. It is never read from JSON.</summary>
    [JsonIgnore]
    public SearchScope? Scope { get; init; }
}

/// <summary>By what items are found.</summary>
public enum SearchMode
{
    /// <summary>By meaning and by words, fused by their ranks.</summary>
    Hybrid,

    /// <summary>By meaning.</summary>
    Vector,

    /// <summary>By words.</summary>
    Text,
}

/// <summary>How words that were found are marked in snippets.</summary>
public enum SearchHighlight
{
    /// <summary>Not: a snippet is plain text.</summary>
    None,

    /// <summary>By <c>&lt;mark&gt;</c> in HTML, in which all else is escaped.</summary>
    Html,

    /// <summary>By asterisks in plain text.</summary>
    Text,
}

/// <summary>The key of an item.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Id">Its id as text.</param>
public sealed record ItemKey(string Kind, string Id);

/// <summary>A condition on a column that the corpus declares: with <see cref="EqualTo"/>, or a list, or a range.</summary>
/// <remarks>Values are JSON strings, numbers or booleans, and are compared as the column's type.</remarks>
public sealed record SearchFilter
{
    /// <summary>The column, as <see cref="SearchableKind.Columns"/> names it.</summary>
    public required string Column { get; init; }

    /// <summary>The value that the column has; a JSON null: it has none.</summary>
    [JsonPropertyName("=")]
    public JsonElement? EqualTo { get; init; }

    /// <summary>The value that the column has not.</summary>
    [JsonPropertyName("!=")]
    public JsonElement? NotEqualTo { get; init; }

    /// <summary>The column is smaller.</summary>
    [JsonPropertyName("<")]
    public JsonElement? LessThan { get; init; }

    /// <summary>The column is smaller or equal.</summary>
    [JsonPropertyName("<=")]
    public JsonElement? AtMost { get; init; }

    /// <summary>The column is greater.</summary>
    [JsonPropertyName(">")]
    public JsonElement? GreaterThan { get; init; }

    /// <summary>The column is greater or equal.</summary>
    [JsonPropertyName(">=")]
    public JsonElement? AtLeast { get; init; }

    /// <summary>The column has one of these values.</summary>
    public IReadOnlyList<JsonElement>? In { get; init; }
}

/// <summary>
/// The settings of reciprocal rank fusion: an item's score is the sum of weight / (k + rank) over the lists that have it.
/// </summary>
public sealed record SearchFusion
{
    /// <summary>Greater: ranks further down count for more. 1 to 1,000.</summary>
    [Range(1, 1_000), DefaultValue(2)]
    public int K { get; init; } = 2;

    /// <summary>The weight of the list by meaning, 0 to 100.</summary>
    [Range(0d, 100d), DefaultValue(1d)]
    public double VectorWeight { get; init; } = 1;

    /// <summary>The weight of the list by words, 0 to 100; it is twice that of an item which has all words of the query.</summary>
    [Range(0d, 100d), DefaultValue(1.25)]
    public double TextWeight { get; init; } = 1.25;
}

/// <summary>Which items <see cref="ISearch.GetAsync"/> reads.</summary>
public sealed record ItemsRequest
{
    /// <summary>The corpus's name.</summary>
    public required string Corpus { get; init; }

    /// <summary>Only items of these kinds; none: of all.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    /// <summary>Only items of these ids; null: of any.</summary>
    public IReadOnlyList<string>? Ids { get; init; }

    /// <summary>Only items of this partition.</summary>
    public string? Partition { get; init; }

    /// <summary>Only items whose columns meet all of these.</summary>
    public IReadOnlyList<SearchFilter> Where { get; init; } = [];

    /// <summary>1 to 1,000.</summary>
    public int Limit { get; init; } = 100;

    /// <summary>How many are passed over, 0 to 10,000.</summary>
    public int Offset { get; init; }

    /// <summary>Columns whose values results have; null: none.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>What the caller may see; null: everything.</summary>
    [JsonIgnore]
    public SearchScope? Scope { get; init; }
}
