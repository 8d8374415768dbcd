using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Corpora;

/// <summary>Reads declarations: the user's own file, or the shipped one.</summary>
public static class CorpusFile
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <exception cref="CorpusException">The file is missing, not JSON, or declares something impossible.</exception>
    public static CorpusSet Load(string? path) => Parse(path is null ? Shipped() : ReadAll(path), path ?? "the shipped corpora.json");

    internal static CorpusSet Parse(string json, string source)
    {
        Declarations declarations;
        try
        {
            declarations = JsonSerializer.Deserialize<Declarations>(json, _json) ?? throw new JsonException("It is empty.");
        }
        catch (JsonException e)
        {
            throw new CorpusException($"{source} cannot be read: {e.Message}");
        }

        var errors = CorpusRules.Check(declarations.Corpora).ToList();
        return errors.Count == 0
            ? new CorpusSet(declarations.Corpora)
            : throw new CorpusException($"{source} declares what cannot be:{string.Concat(errors.Select(e => $"\n  - {e}"))}");
    }

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
