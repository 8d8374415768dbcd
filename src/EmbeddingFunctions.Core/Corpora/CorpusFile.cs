using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Corpora;

/// <summary>Reads declarations: the user's own file, or the shipped one.</summary>
internal static class CorpusFile
{
    private const string ShippedName = "The shipped corpora.json (CORPORA_FILE is not set)";

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <exception cref="InvalidCorpusException">The file is missing, not JSON, or declares something impossible.</exception>
    public static CorpusSet Load(string? path) => Examine(path).Ensure();

    /// <summary>Reads it and says all that is wrong with it.</summary>
    /// <exception cref="InvalidCorpusException">The file is missing.</exception>
    public static ExaminedFile Examine(string? path) => Examine(path is null ? Shipped() : ReadAll(path), path ?? ShippedName);

    internal static CorpusSet Parse(string json, string source) => Examine(json, source).Ensure();

    internal static ExaminedFile Examine(string json, string source)
    {
        try
        {
            var map = DeclarationMap.Read(json, typeof(Declarations));
            if (map.Unknown.Count > 0)
            {
                return new ExaminedFile(source, null, map.Unknown, map);
            }

            var declarations = JsonSerializer.Deserialize<Declarations>(json, _json) ?? throw new JsonException("It is empty.");
            using var document = JsonDocument.Parse(json, new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            var unusable = Unusable(document.RootElement, "$").ToList();
            return unusable.Count > 0
                ? new ExaminedFile(source, null, unusable, map)
                : new ExaminedFile(source, declarations.Corpora, CorpusRules.Check(declarations.Corpora).ToList(), map);
        }
        catch (JsonException e)
        {
            return new ExaminedFile(source, null, [new DeclarationFault(e.Path ?? "$", e.Message, (e.LineNumber ?? 0) + 1)], null);
        }
    }

    // What the types let pass: a hole in a list, and NUL, for which Postgres has no place.
    private static IEnumerable<DeclarationFault> Unusable(JsonElement json, string path) => json.ValueKind switch
    {
        JsonValueKind.Object => json.EnumerateObject().SelectMany(property => Unusable(property.Value, $"{path}.{property.Name}")),
        JsonValueKind.Array => json.EnumerateArray().SelectMany((item, i) => Unusable(item, $"{path}[{i}]")),
        JsonValueKind.Null when path.EndsWith(']') => [new(path, $"{path} is null.")],
        JsonValueKind.String when json.GetString()!.Contains('\0') => [new(path, $"{path} holds a NUL character.")],
        _ => [],
    };

    /// <returns>One declaration as JSON, which <see cref="ReadOne"/> reads.</returns>
    public static string Write(Corpus corpus) => JsonSerializer.Serialize(corpus, _json);

    public static Corpus ReadOne(string json) => JsonSerializer.Deserialize<Corpus>(json, _json)!;

    private static string ReadAll(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidCorpusException($"The corpora file '{path}' (CORPORA_FILE) cannot be read: {e.Message}");
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
