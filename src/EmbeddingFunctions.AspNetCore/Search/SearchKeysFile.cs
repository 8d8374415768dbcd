using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Search;
using EmbeddingFunctions.Settings;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Reads the file of search keys, and says all that is wrong with it.</summary>
internal static class SearchKeysFile
{
    private const string All = "*";
    private const int DigestBytes = 32;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
    };

    /// <param name="path">The setting <c>EMBEDDINGS_SEARCH_KEYS_FILE</c>, for messages.</param>
    /// <param name="text">What the file holds.</param>
    /// <param name="corpora">Those that a key may name.</param>
    /// <exception cref="SettingsException">The text cannot be read, or a key in it cannot be used.</exception>
    public static IReadOnlyList<SearchKeys.Entry> Parse(string path, string text, CorpusSet corpora)
    {
        try
        {
            var keys = JsonSerializer.Deserialize<KeysFile>(text, _json)?.Keys ?? throw new JsonException("It is empty.");
            var faults = keys.SelectMany((key, i) => Faults(key, $"keys[{i}]", corpora)).Concat(Twins(keys)).ToList();
            return faults.Count == 0
                ? keys.Select(key => new SearchKeys.Entry(key.Name, Convert.FromHexString(key.Sha256), Scope(key))).ToList()
                : throw Unusable(path, faults);
        }
        catch (JsonException e)
        {
            throw Unusable(path, [e is { Path: { } at } ? $"{at} cannot be read as in docs/http-api.md." : e.Message]);
        }
    }

    /// <exception cref="SettingsException">There is no such file, or this process may not read it.</exception>
    public static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, [e.Message]);
        }
    }

    private static SearchScope Scope(KeyEntry key) =>
        new(key.Corpora.Contains(All) ? null : key.Corpora, key.Partitions);

    private static IEnumerable<string> Faults(KeyEntry key, string at, CorpusSet corpora)
    {
        if (string.IsNullOrWhiteSpace(key.Name))
        {
            yield return $"{at}.name is blank: say whose key it is.";
        }

        if (!IsDigest(key.Sha256))
        {
            yield return $"{at}.sha256 is not the SHA-256 of a key in hex: printf %s \"$KEY\" | sha256sum";
        }
        else if (Convert.FromHexString(key.Sha256).AsSpan().SequenceEqual(SHA256.HashData([])))
        {
            yield return $"{at}.sha256 is that of no key at all: the variable in the command that made it was empty.";
        }

        if (key.Corpora.Count == 0)
        {
            yield return $"{at}.corpora is empty: name corpora, or \"{All}\" for all.";
        }

        foreach (var name in key.Corpora.Where(name => name != All && corpora.Find(name) is null))
        {
            yield return $"{at}.corpora: {corpora.Unknown(name)}";
        }

        if (key.Partitions is { Count: 0 })
        {
            yield return $"{at}.partitions is empty: name partitions, or leave it out for all.";
        }
    }

    private static bool IsDigest(string text) => text.Length == 2 * DigestBytes && text.All(char.IsAsciiHexDigit);

    private static IEnumerable<string> Twins(IReadOnlyList<KeyEntry> keys) => keys
        .GroupBy(key => key.Sha256, StringComparer.OrdinalIgnoreCase).Where(twins => twins.Count() > 1)
        .Select(twins => $"{string.Join(", ", twins.Select(key => key.Name))} have the same key: give each its own.");

    private static SettingsException Unusable(string path, IEnumerable<string> faults) =>
        new(faults.Select(fault => $"EMBEDDINGS_SEARCH_KEYS_FILE ({path}): {fault}").ToList());

    private sealed record KeysFile(IReadOnlyList<KeyEntry> Keys);

    private sealed record KeyEntry
    {
        public required string Name { get; init; }

        public required string Sha256 { get; init; }

        public required IReadOnlyList<string> Corpora { get; init; }

        public IReadOnlyList<string>? Partitions { get; init; }
    }
}
