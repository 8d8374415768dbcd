using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace EmbeddingFunctions.Cli.Imports;

/// <summary>Reads a file of JSON objects, one a line; a bad line becomes a result with its reason.</summary>
internal static class JsonLines
{
    /// <param name="file">Plain or gzipped.</param>
    /// <param name="parse">Makes an item of an object; a <see cref="FormatException"/> says why it cannot.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static async IAsyncEnumerable<(int Line, T? Item, string? Problem)> Read<T>(
        Stream file, Func<JsonElement, T> parse, [EnumeratorCancellation] CancellationToken cancellation = default) where T : class
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
                var (item, itsProblem) = Parse(text, parse);
                yield return (number, item, itsProblem);
            }
        }
    }

    public static string Required(JsonElement item, string name) =>
        Text(item, name) is { Length: > 0 } text ? text : throw new FormatException($"it has no '{name}'");

    /// <summary>What is indexed: Postgres can index a name no longer than that.</summary>
    public static string Required(JsonElement item, string name, int maxLength) =>
        Required(item, name) is var text && text.Length <= maxLength
            ? text
            : throw new FormatException($"the '{name}' is longer than {maxLength} characters");

    // Postgres has no place for NUL.
    public static string? Text(JsonElement item, string name) => Value(item, name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } text => text.GetString()!.Replace("\0", "", StringComparison.Ordinal),
        _ => throw new FormatException($"'{name}' is not text"),
    };

    public static JsonElement? Value(JsonElement item, string name) =>
        item.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static string Short(string text) => text.Length <= 120 ? text : text[..120];

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

    private static (T?, string?) Parse<T>(ReadOnlySequence<byte> line, Func<JsonElement, T> parse) where T : class
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? (parse(json.RootElement), null)
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
}
