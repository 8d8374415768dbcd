using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Corpora;

/// <summary>Reads declarations: the user's own file, or the shipped one.</summary>
public static partial class CorpusFile
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <exception cref="CorpusException">The file is missing, not JSON, or declares something impossible.</exception>
    public static CorpusSet Load(string? path) => Parse(path is null ? Shipped() : ReadAll(path), path ?? "the shipped corpora.json");

    internal static CorpusSet Parse(string json, string source)
    {
        var corpora = Read(json, source);
        var errors = CorpusRules.Check(corpora).ToList();
        return errors.Count == 0
            ? new CorpusSet(corpora)
            : throw new CorpusException($"{source} declares what cannot be:{string.Concat(errors.Select(e => $"\n  - {e}"))}");
    }

    private static IReadOnlyList<Corpus> Read(string json, string source)
    {
        try
        {
            var declarations = JsonSerializer.Deserialize<Declarations>(json, _json) ?? throw new JsonException("It is empty.");
            using var document = JsonDocument.Parse(json, new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return Unusable(document.RootElement, "$").FirstOrDefault() is { } problem ? throw new JsonException(problem) : declarations.Corpora;
        }
        catch (JsonException e)
        {
            var reason = UnknownProperty().Match(e.Message) is { Success: true } unknown
                ? $"line {e.LineNumber + 1}: there is no property '{unknown.Groups[1].Value}' at {e.Path}; README lists those that there are."
                : e.Message;
            throw new CorpusException($"{source} cannot be read: {reason}");
        }
    }

    [GeneratedRegex("^The JSON property '([^']*)' could not be mapped")]
    private static partial Regex UnknownProperty();

    // What the types let pass: a hole in a list, and NUL, for which Postgres has no place.
    private static IEnumerable<string> Unusable(JsonElement json, string path) => json.ValueKind switch
    {
        JsonValueKind.Object => json.EnumerateObject().SelectMany(property => Unusable(property.Value, $"{path}.{property.Name}")),
        JsonValueKind.Array => json.EnumerateArray().SelectMany((item, i) => Unusable(item, $"{path}[{i}]")),
        JsonValueKind.Null when path.EndsWith(']') => [$"{path} is null."],
        JsonValueKind.String when json.GetString()!.Contains('\0') => [$"{path} holds a NUL character."],
        _ => [],
    };

    private static string ReadAll(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The corpora file '{path}' (CORPORA_FILE) cannot be read: {e.Message}");
        }
    }

    private static string Shipped()
    {
        using var stream = typeof(CorpusFile).Assembly.GetManifestResourceStream("corpora.json")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private sealed record Declarations
    {
        public required IReadOnlyList<Corpus> Corpora { get; init; }
    }
}
