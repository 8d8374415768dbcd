using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace EmbeddingFunctions.Imports;

/// <summary>Reads items from JSON lines, plain or gzipped; a bad line becomes a result with its reason.</summary>
internal static class ItemLines
{
    private static readonly string[] _kinds = ["issue", "pull_request", "discussion"];

    public static async IAsyncEnumerable<(int Line, WorkspaceItem? Item, string? Problem)> Read(
        Stream file, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var reader = new StreamReader(await Unzip(file, cancellation));
        for (var number = 1; await reader.ReadLineAsync(cancellation) is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            var (item, problem) = Parse(line);
            yield return (number, item, problem);
        }
    }

    // A gzipped file is known by its first two bytes, whatever it is called.
    private static async Task<Stream> Unzip(Stream file, CancellationToken cancellation)
    {
        var head = new byte[2];
        var read = await file.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellation);
        file.Position = 0;
        return read == 2 && head[0] == 0x1f && head[1] == 0x8b ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    private static (WorkspaceItem?, string?) Parse(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var item = json.RootElement;
            if (item.ValueKind != JsonValueKind.Object)
            {
                return (null, "it is not a JSON object");
            }

            var kind = Text(item, "kind");
            return kind is null ? (null, "it has no 'kind'")
                : !_kinds.Contains(kind) ? (null, $"the kind '{Short(kind)}' is not one of {string.Join(", ", _kinds)}")
                : Text(item, "repository") is not { } repository ? (null, "it has no 'repository'")
                : Text(item, "key") is not { } key ? (null, "it has no 'key'")
                : Text(item, "title") is not { } title ? (null, "it has no 'title'")
                : UpdatedAt(item) is not { } updatedAt ? (null, "'updated_at' is not a time in Unix seconds")
                : (new WorkspaceItem(kind, repository, Number(item), key, Clean(title), Clean(Text(item, "body")), updatedAt), null);
        }
        catch (JsonException e)
        {
            return (null, $"it is not JSON: {Short(e.Message)}");
        }
        catch (InvalidOperationException)
        {
            return (null, "it holds text that is not Unicode");
        }
    }

    private static string? Text(JsonElement item, string name) =>
        item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int? Number(JsonElement item) =>
        item.TryGetProperty("number", out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null;

    private static DateTimeOffset? UpdatedAt(JsonElement item) =>
        item.TryGetProperty("updated_at", out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds)
        && seconds is >= 0 and < 253_402_300_800
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
            : null;

    // Postgres has no place for NUL.
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    private static string? Clean(string? text) => text?.Replace("\0", "", StringComparison.Ordinal);

    private static string Short(string text) => text.Length <= 120 ? text : text[..120];
}
