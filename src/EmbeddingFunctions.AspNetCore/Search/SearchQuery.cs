using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>A search as an address has it, where lists repeat their name and a condition is written like <c>number&gt;=5</c>.</summary>
internal static class SearchQuery
{
    // The longer ones first, since they begin with the shorter ones.
    private static readonly string[] _operators = ["!=", "<=", ">=", "=", "<", ">"];

    /// <returns>The object that a body would be; what cannot be read is left as it is, and refused there.</returns>
    public static JsonElement Read(IQueryCollection query) => JsonSerializer.SerializeToElement(query.ToDictionary(
        field => field.Key,
        field => field.Key switch
        {
            "kinds" or "columns" => (object?)field.Value.ToArray(),
            "where" => field.Value.Select(text => Condition(text!)).ToArray(),
            "limit" or "minSimilarity" or "diversity" or "exact" or "includeStale" => Literal(field.Value.ToString()),
            _ => field.Value.ToString(),
        }));

    /// <returns>A condition as a body has it.</returns>
    public static object Condition(string text)
    {
        var sign = text.AsSpan().IndexOfAny('=', '<', '>');
        var at = sign > 0 && text[sign - 1] == '!' ? sign - 1 : sign;
        return at > 0 && _operators.First(o => text.AsSpan(at).StartsWith(o, StringComparison.Ordinal)) is { } found
            ? new Dictionary<string, string> { ["column"] = text[..at].Trim(), [found] = text[(at + found.Length)..].Trim() }
            : text;
    }

    private static object Literal(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }
}
