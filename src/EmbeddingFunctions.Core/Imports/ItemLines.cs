using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace EmbeddingFunctions.Imports;

/// <summary>Reads items from JSON lines; a bad line becomes a result with its reason.</summary>
internal static class ItemLines
{
    // A name is indexed, and what Postgres can index has its limit.
    private const int MaxRepository = 300;

    private static readonly string[] _kinds = ["issue", "pull_request", "discussion"];

    public static async IAsyncEnumerable<(int Line, WorkspaceItem? Item, string? Problem)> Read(
        Stream file, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var number = 0;
        await foreach (var (line, problem) in Lines.Read(file, cancellation))
        {
            number++;
            if (problem is not null)
            {
                yield return (number, null, problem);
            }
            else if (WithoutMark(line, number) is var text && !IsBlank(text))
            {
                var (item, itsProblem) = Parse(text);
                yield return (number, item, itsProblem);
            }
        }
    }

    // Some editors begin a file with a mark of its encoding.
    private static ReadOnlySequence<byte> WithoutMark(ReadOnlySequence<byte> line, int number) =>
        number == 1 && line.Length >= 3 && line.Slice(0, 3).ToArray() is [0xEF, 0xBB, 0xBF] ? line.Slice(3) : line;

    private static bool IsBlank(ReadOnlySequence<byte> line)
    {
        foreach (var part in line)
        {
            if (part.Span.IndexOfAnyExcept(" \t\r"u8) >= 0)
            {
                return false;
            }
        }

        return true;
    }

    private static (WorkspaceItem?, string?) Parse(ReadOnlySequence<byte> line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? (Item(json.RootElement), null)
                : (null, "it is not a JSON object");
        }
        catch (JsonException e)
        {
            // It goes on with a position, in a line that it believes to be the first.
            return (null, $"it is not JSON: {Short(e.Message.Split(" LineNumber:")[0])}");
        }
        catch (InvalidOperationException)
        {
            return (null, "it holds text that is not Unicode");
        }
        catch (FormatException e)
        {
            return (null, e.Message);
        }
    }

    private static WorkspaceItem Item(JsonElement item)
    {
        var kind = Required(item, "kind");
        var repository = Required(item, "repository");
        return !_kinds.Contains(kind) ? throw new FormatException($"the kind '{Short(kind)}' is not one of {string.Join(", ", _kinds)}")
            : repository.Length > MaxRepository ? throw new FormatException($"the 'repository' is longer than {MaxRepository} characters")
            : new WorkspaceItem(kind, repository, Number(item), Required(item, "key"),
                Text(item, "title") ?? throw new FormatException("it has no 'title'"), Text(item, "body"), UpdatedAt(item));
    }

    private static string Required(JsonElement item, string name) =>
        Text(item, name) is { Length: > 0 } text ? text : throw new FormatException($"it has no '{name}'");

    // Postgres has no place for NUL.
    private static string? Text(JsonElement item, string name) => Value(item, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } text => text.GetString()!.Replace("\0", "", StringComparison.Ordinal),
        _ => throw new FormatException($"'{name}' is not text"),
    };

    private static int? Number(JsonElement item) => Value(item, "number") switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out var number) => number,
        _ => throw new FormatException("'number' is not a whole number"),
    };

    private static DateTimeOffset UpdatedAt(JsonElement item)
    {
        const double LastSecond = 253_402_300_799;
        return Value(item, "updated_at") is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out var seconds) && seconds is >= 0 and <= LastSecond
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds)
            : throw new FormatException("'updated_at' is not a time in Unix seconds");
    }

    private static JsonElement? Value(JsonElement item, string name) =>
        item.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string Short(string text) => text.Length <= 120 ? text : text[..120];
}
