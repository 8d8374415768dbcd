using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Corpora;

/// <summary>The types of values in a file of declarations, in the words of such files.</summary>
internal static class DeclaredValue
{
    private const string Braces = "an object, in braces";
    private const string Brackets = "a list, in brackets";

    /// <returns>What is wrong with the value that the reader stands on, or null.</returns>
    /// <param name="reader">It stands on a value that is neither an object nor a list.</param>
    /// <param name="name">The property's.</param>
    /// <param name="type">The property's, or null if it is not known.</param>
    public static string? Problem(ref Utf8JsonReader reader, string name, Type? type)
    {
        type = type is null ? null : Nullable.GetUnderlyingType(type) ?? type;
        var token = reader.TokenType;
        if (type is null || token is JsonTokenType.Null)
        {
            return null;
        }

        if (type.IsEnum)
        {
            var names = Enum.GetNames(type).Select(JsonNamingPolicy.CamelCase.ConvertName).ToList();
            var value = token == JsonTokenType.String ? reader.GetString()! : Raw(ref reader);
            return names.Contains(value, StringComparer.OrdinalIgnoreCase) && token == JsonTokenType.String ? null
                : $"{name} is '{value}'; it takes {string.Join(" or ", names)}{NearestName.Hint(value, names)}";
        }

        return type switch
        {
            _ when type == typeof(bool) && token is not (JsonTokenType.True or JsonTokenType.False) =>
                $"{name} takes true or false, without quotes",
            _ when type == typeof(int) && token is not JsonTokenType.Number => $"{name} takes a whole number, without quotes",
            _ when type == typeof(string) && token is not JsonTokenType.String => $"{name} takes text in quotes: \"{Raw(ref reader)}\"",
            _ when IsObject(type) => $"{name} takes {Braces}",
            _ when type.IsGenericType => $"{name} takes {Brackets}",
            _ => null,
        };
    }

    /// <returns>What is wrong where an object stands for a list, or a list for an object; or null.</returns>
    /// <param name="token">What begins there.</param>
    /// <param name="path">The property's, or <c>$</c> for the file.</param>
    /// <param name="type">The property's, or null if it is not known.</param>
    public static string? Bracket(JsonTokenType token, string path, Type? type) => token switch
    {
        JsonTokenType.StartArray when path == "$" => $"the file takes {Braces}: {{ \"corpora\": [ … ] }}",
        JsonTokenType.StartArray when type is not null && IsObject(type) => $"{path[(path.LastIndexOf('.') + 1)..]} takes {Braces}",
        JsonTokenType.StartObject when type is { IsGenericType: true } && !IsObject(type) =>
            $"{path[(path.LastIndexOf('.') + 1)..]} takes {Brackets}",
        _ => null,
    };

    /// <returns>What an object lacks that it cannot do without; what is only misspelt is not lacking.</returns>
    /// <param name="type">What it is read as, or null.</param>
    /// <param name="names">The properties that it has.</param>
    public static IEnumerable<string> Lacking(Type? type, IReadOnlyCollection<string> names)
    {
        if (type is null || type.Namespace != typeof(Corpus).Namespace)
        {
            return [];
        }

        var known = type.GetProperties()
            .ToDictionary(NameOf, StringComparer.OrdinalIgnoreCase);
        var misspelt = names.Where(name => !known.ContainsKey(name)).ToList();
        return known.Where(property => property.Value.GetCustomAttribute<RequiredMemberAttribute>() is not null)
            .Select(property => property.Key)
            .Where(
                name =>
                    !names.Contains(name, StringComparer.OrdinalIgnoreCase)
                        && !misspelt.Exists(other => NearestName.Of(other, [name]) is not null));
    }

    /// <returns>A property's name in a file of declarations.</returns>
    public static string NameOf(PropertyInfo property) =>
        property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(property.Name);

    private static bool IsObject(Type type) =>
        type.Namespace == typeof(Corpus).Namespace || (type.IsGenericType && type.GetGenericArguments().Length == 2);

    private static string Raw(ref Utf8JsonReader reader) => System.Text.Encoding.UTF8.GetString(reader.ValueSpan);
}
