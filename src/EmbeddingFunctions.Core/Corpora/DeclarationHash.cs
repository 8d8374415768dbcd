using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace EmbeddingFunctions.Corpora;

/// <summary>A short name of a declaration's values, whatever their order and spelling in the file.</summary>
internal static class DeclarationHash
{
    private const int Digits = 16;

    // Read by each run: nothing in the database depends on them.
    private static readonly HashSet<string> _operational = [
        nameof(Corpus.PageSize), nameof(Corpus.BatchSize), nameof(Corpus.LanesPerPartition), nameof(Corpus.StartsPerMinute),
        nameof(Corpus.Schedule), nameof(Corpus.Scheduled), nameof(Corpus.Freshness), nameof(CorpusTable.Where), nameof(VectorIndex.Build)];

    // Properties that a later version adds change no hash while they are not declared.
    private static readonly JsonSerializerOptions _options = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault };

    /// <param name="corpus">The declaration.</param>
    /// <param name="model">The model, which a setting may name.</param>
    public static string Of(Corpus corpus, string model)
    {
        var values = JsonSerializer.SerializeToNode(corpus with { Name = corpus.DeclaredName, Model = model }, _options);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(Sorted(values)?.ToJsonString() ?? ""));
        return Convert.ToHexStringLower(hash)[..Digits];
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject properties => new JsonObject(
            properties.Where(property => !_operational.Contains(property.Key)).OrderBy(property => property.Key, StringComparer.Ordinal)
                .Select(property => KeyValuePair.Create(property.Key, Sorted(property.Value)))),
        JsonArray items => new JsonArray(items.Select(Sorted).ToArray()),
        _ => node?.DeepClone(),
    };
}
