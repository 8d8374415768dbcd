using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Search;

/// <summary>The answer to a search.</summary>
public sealed record SearchResponse
{
    /// <summary>The corpus's name.</summary>
    public required string Corpus { get; init; }

    /// <summary>The query that was asked, or null.</summary>
    public string? Query { get; init; }

    /// <summary>By what was searched in the end: hybrid without a vector is text.</summary>
    [JsonConverter(typeof(CamelCaseEnum))]
    public required SearchMode Mode { get; init; }

    /// <summary>Why less was searched than was asked for, as a sentence; null: all of it was.</summary>
    public string? Degraded { get; init; }

    /// <summary>What ran.</summary>
    public required SearchPlan Plan { get; init; }

    /// <summary>Best first; items of equal scores by similarity, kind and id.</summary>
    public required IReadOnlyList<SearchResult> Results { get; init; }

    /// <summary>For <see cref="SearchRequest.Cursor"/> of the next page; null: there is none.</summary>
    public string? Next { get; init; }

    /// <summary>Milliseconds.</summary>
    public required SearchTimings Timings { get; init; }
}

/// <summary>What ran.</summary>
public sealed record SearchPlan
{
    /// <summary>How vectors were compared: <c>index</c>, <c>exact</c>, <c>index, exact</c>, or <c>cache</c>; null: not at all.</summary>
    public string? Vector { get; init; }

    /// <summary>How words were looked up: <c>all words</c>, <c>any word</c>, or <c>no words</c>; null: not at all.</summary>
    public string? Text { get; init; }

    /// <summary>How many candidates each list had at most.</summary>
    public required int Candidates { get; init; }
}

/// <summary>An item that was found.</summary>
public sealed record SearchResult
{
    /// <summary>Its kind.</summary>
    public required string Kind { get; init; }

    /// <summary>Its id as text.</summary>
    public required string Id { get; init; }

    /// <summary>Its partition as text; null where the corpus has none.</summary>
    public string? Partition { get; init; }

    /// <summary>The first 200 characters of its title.</summary>
    public string? Title { get; init; }

    /// <summary>The columns that were asked for, by name, each as a JSON-friendly value; null where none were.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, object?>? Columns { get; init; }

    /// <summary>
    /// Cosine similarity, 0 to 1; null where the item has no vector that may be compared, or there is none to compare with.
    /// </summary>
    public double? Similarity { get; init; }

    /// <summary>Its place in the list by meaning, from 1; null: it is not in it.</summary>
    public int? VectorRank { get; init; }

    /// <summary>Its place in the list by words, from 1; null: it is not in it.</summary>
    public int? TextRank { get; init; }

    /// <summary>The fused score, by which results are ordered; it is no measure of relevance.</summary>
    public double Score { get; init; }

    /// <summary>The passage that was found.</summary>
    public string? Snippet { get; init; }

    /// <summary>Of an item that is embedded in chunks: the one that is nearest.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SearchChunk? Chunk { get; init; }

    /// <summary>Whether the text was edited since its vector was made.</summary>
    public bool Stale { get; init; }

    /// <summary>Whether the vector is of the text's beginning only.</summary>
    public bool Truncated { get; init; }
}

/// <summary>The place of a chunk in its item's text.</summary>
/// <param name="Number">From 0.</param>
/// <param name="Start">Where it starts in the normalised text, in UTF-16 units.</param>
/// <param name="Length">How long it is.</param>
public sealed record SearchChunk(int Number, int Start, int Length);

/// <summary>How long a search took, in milliseconds.</summary>
public sealed record SearchTimings
{
    /// <summary>The query's vector.</summary>
    public double Embedding { get; init; }

    /// <summary>Whether that vector was cached.</summary>
    public bool Cached { get; init; }

    /// <summary>The statements.</summary>
    public double Sql { get; init; }

    /// <summary>All of it.</summary>
    public double Total { get; init; }
}

/// <summary>A query's vector.</summary>
/// <param name="Model">The model by whose name the rows' vectors are recorded.</param>
/// <param name="Dimensions">Its length.</param>
/// <param name="Vector">The vector, of length 1.</param>
public sealed record QueryVector(string Model, int Dimensions, IReadOnlyList<float> Vector);

/// <summary>What a corpus lets be searched.</summary>
/// <param name="Corpus">Its name.</param>
/// <param name="Model">The model of its vectors.</param>
/// <param name="Dimensions">Their length.</param>
/// <param name="HasPartitions">Whether its items belong to partitions.</param>
/// <param name="Kinds">Its kinds.</param>
public sealed record SearchableCorpus(
    string Corpus, string Model, int Dimensions, bool HasPartitions, IReadOnlyList<SearchableKind> Kinds);

/// <summary>What a kind lets be searched.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="HasText">Whether it declares a search by words.</param>
/// <param name="Columns">The columns that filters and results may have, with their types as Postgres names them.</param>
public sealed record SearchableKind(string Kind, bool HasText, IReadOnlyDictionary<string, string> Columns);
