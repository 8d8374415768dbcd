using System.Text.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Storage;
using Npgsql;
using NpgsqlTypes;

namespace EmbeddingFunctions.Search;

/// <summary>Calls the search functions of the database, which give the same answer to every caller.</summary>
internal static class SearchStatement
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    /// <param name="request">The request.</param>
    /// <param name="query">Normalised, or null.</param>
    /// <param name="mode">By what is searched.</param>
    /// <param name="model">Of the query's vector.</param>
    /// <param name="vector">Of the query, or null.</param>
    /// <param name="cursor">Which page.</param>
    public static SqlText Search(
        SearchRequest request, string? query, SearchMode mode, string model, float[]? vector, SearchCursor cursor)
    {
        var isAny = request is { Item: not null, Partition: AnyPartition };
        var asked = Common(
            request.Corpus, request.Kinds, Partitions(isAny ? null : request.Partition, request.Scope), request.Where, request.Columns);
        asked["query"] = query;
        asked["mode"] = mode.ToString().ToLowerInvariant();
        asked["model"] = model;
        asked["limit"] = request.Limit;
        asked["offset"] = cursor.Offset;
        asked["candidates"] = cursor.Candidates;
        asked["minSimilarity"] = request.MinSimilarity;
        asked["exact"] = request.Exact;
        asked["includeStale"] = request.IncludeStale;
        asked["diversity"] = request.Diversity;
        asked["k"] = request.Fusion.K;
        asked["vectorWeight"] = request.Fusion.VectorWeight;
        asked["textWeight"] = request.Fusion.TextWeight;
        asked["item"] = request.Item is { } item ? new JsonObject { ["kind"] = item.Kind, ["id"] = item.Id } : null;
        asked["anyPartition"] = isAny;
        return $"SELECT embedding.search({Json(asked)}, {Sql.Value(vector, NpgsqlDbType.Array | NpgsqlDbType.Real)})::text";
    }

    public static SqlText Items(ItemsRequest request)
    {
        var asked = Common(request.Corpus, request.Kinds, Partitions(request.Partition, request.Scope), request.Where, request.Columns);
        asked["ids"] = request.Ids is null ? null : JsonSerializer.SerializeToNode(request.Ids);
        asked["limit"] = request.Limit;
        asked["offset"] = request.Offset;
        return $"SELECT embedding.search_items({Json(asked)})::text";
    }

    /// <summary>Of an item's neighbours: of whatever partition that the caller may see.</summary>
    public const string AnyPartition = "*";

    /// <summary>Whether the names that the statement has are those of before a switch.</summary>
    public static bool IsOutdated(PostgresException e) => e.SqlState is "ES409" or PostgresErrorCodes.UndefinedColumn
        or PostgresErrorCodes.UndefinedTable;

    /// <returns>The exception for the caller; null if the request is not to blame.</returns>
    public static Exception? Translate(PostgresException e) => e.SqlState switch
    {
        "ES400" => new InvalidSearchException("request", Sentence(e)),
        "ES404" => new Corpora.NotFoundException(Sentence(e)),
        PostgresErrorCodes.UndefinedFunction when e.MessageText.Contains("embedding.search", StringComparison.Ordinal) =>
            new Corpora.DatabaseNotReadyException(
                "The database was migrated by a version that had no search: run 'embeddings migrate CORPUS' for its corpora."),
        PostgresErrorCodes.UndefinedFunction =>
            new InvalidSearchException("where", $"A column has no such comparison: {Sql.Reason(e)}."),
        { } state when state.StartsWith("22", StringComparison.Ordinal) =>
            new InvalidSearchException("where", $"A value does not fit its column: {Sql.Reason(e)}."),
        _ => null,
    };

    private static string Sentence(PostgresException e) =>
        $"{char.ToUpperInvariant(e.MessageText[0])}{e.MessageText[1..]}.{(e.Hint is { Length: > 0 } hint ? $" {hint}" : "")}";

    private static IReadOnlyList<string>? Partitions(string? partition, SearchScope? scope) =>
        partition is null ? scope?.Partitions : [partition];

    private static JsonObject Common(
        string corpus, IReadOnlyList<string> kinds, IReadOnlyList<string>? partitions, IReadOnlyList<SearchFilter> where,
        IReadOnlyList<string>? columns) => new()
        {
            ["corpus"] = corpus,
            ["kinds"] = JsonSerializer.SerializeToNode(kinds),
            ["partitions"] = JsonSerializer.SerializeToNode(partitions),
            ["where"] = JsonSerializer.SerializeToNode(where, _json),
            ["columns"] = JsonSerializer.SerializeToNode(columns),
        };

    private static SqlText Json(JsonObject asked) => $"{Sql.Value(asked.ToJsonString(), NpgsqlDbType.Jsonb)}";
}
