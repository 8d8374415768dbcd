using System.Net;
using System.Text.Json;

namespace EmbeddingFunctions.Search;

/// <summary>Reads what the search functions of the database answer.</summary>
internal static class SearchAnswer
{
    // What the functions mark a found word with: characters that mean nothing by themselves.
    private const char Begin = '\uE000';
    private const char End = '\uE001';

    public static IReadOnlyList<SearchResult> Results(JsonElement results, SearchHighlight highlight, bool withColumns) =>
        results.EnumerateArray().Select(result => Result(result, highlight, withColumns)).ToList();

    public static string? Text(this JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static SearchResult Result(JsonElement json, SearchHighlight highlight, bool withColumns) => new()
    {
        Kind = json.Text("kind")!,
        Id = json.Text("id")!,
        Partition = json.Text("partition"),
        Title = json.Text("title"),
        Columns = withColumns
            ? json.GetProperty("columns").EnumerateObject().ToDictionary(column => column.Name, column => Value(column.Value)) : null,
        Similarity = Number(json, "similarity") is { } similarity ? Math.Clamp(similarity, 0, 1) : null,
        VectorRank = (int?)Number(json, "vectorRank"),
        TextRank = (int?)Number(json, "textRank"),
        Score = Number(json, "score") ?? 0,
        Snippet = json.Text("snippet") is { } snippet ? Marked(snippet.Trim(), highlight) : null,
        Chunk = json.TryGetProperty("chunk", out var chunk) && chunk.ValueKind == JsonValueKind.Object
            && Number(chunk, "number") is { } number
            ? new SearchChunk((int)number, (int)Number(chunk, "start")!, (int)Number(chunk, "length")!) : null,
        Stale = json.GetProperty("stale").GetBoolean(),
        Truncated = json.GetProperty("truncated").GetBoolean(),
    };

    private static double? Number(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static string Marked(string snippet, SearchHighlight highlight) => highlight switch
    {
        SearchHighlight.Html => WebUtility.HtmlEncode(snippet).Replace(Escaped(Begin), "<mark>").Replace(Escaped(End), "</mark>"),
        SearchHighlight.Text => snippet.Replace(Begin, '*').Replace(End, '*'),
        _ => snippet.Replace($"{Begin}", "").Replace($"{End}", ""),
    };

    private static string Escaped(char mark) => WebUtility.HtmlEncode($"{mark}");

    private static object? Value(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number when value.TryGetInt64(out var whole) => whole,
        JsonValueKind.Number => value.GetDecimal(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null => null,
        _ => value.Clone(),
    };
}
