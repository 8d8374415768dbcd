using System.Text.Json;

namespace EmbeddingFunctions.Cli.Imports;

/// <summary>Reads a workspace's items from JSON lines.</summary>
internal static class ItemLines
{
    private const int MaxRepository = 300;

    private static readonly string[] _kinds = ["issue", "pull_request", "discussion"];

    public static IAsyncEnumerable<(int Line, WorkspaceItem? Item, string? Problem)> Read(
        Stream file, CancellationToken cancellation = default) =>
        JsonLines.Read(file, Item, cancellation);

    private static WorkspaceItem Item(JsonElement item)
    {
        var kind = JsonLines.Required(item, "kind");
        return !_kinds.Contains(kind)
            ? throw new FormatException($"the kind '{JsonLines.Short(kind)}' is not one of {string.Join(", ", _kinds)}")
            : new WorkspaceItem(kind, JsonLines.Required(item, "repository", MaxRepository), Number(item), JsonLines.Required(item, "key"),
                JsonLines.Text(item, "title") ?? throw new FormatException("it has no 'title'"), JsonLines.Text(item, "body"),
                UpdatedAt(item));
    }

    private static int? Number(JsonElement item) => JsonLines.Value(item, "number") switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out var number) => number,
        _ => throw new FormatException("'number' is not a whole number"),
    };

    private static DateTimeOffset UpdatedAt(JsonElement item)
    {
        const double LastSecond = 253_402_300_799;
        return JsonLines.Value(item, "updated_at") is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out var seconds)
            && seconds is >= 0 and <= LastSecond
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
            : throw new FormatException("'updated_at' is not a time in Unix seconds");
    }
}
