using System.Text;
using System.Text.Json;

namespace EmbeddingFunctions.Corpora;

/// <summary>Where in a file of declarations everything stands, and which properties in it are none, or cannot be what they are.</summary>
internal sealed class DeclarationMap
{
    private readonly Dictionary<string, long> _lines = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<DeclarationFault> _unknown = [];
    private readonly byte[] _json;
    private long _line = 1;
    private long _counted;

    private DeclarationMap(byte[] json) => _json = json;

    public IReadOnlyList<DeclarationFault> Unknown => _unknown;

    /// <param name="json">The file.</param>
    /// <param name="root">What its root is read as.</param>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public static DeclarationMap Read(string json, Type root)
    {
        var map = new DeclarationMap(Encoding.UTF8.GetBytes(json));
        var reader = new Utf8JsonReader(map._json, new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        reader.Read();
        map.Walk(ref reader, "$", root);
        reader.Read();
        return map;
    }

    /// <returns>The line of a place, or of the nearest one round it.</returns>
    public long LineOf(string path)
    {
        while (!_lines.ContainsKey(path) && path.LastIndexOfAny(['.', '[']) is > 0 and var end)
        {
            path = path[..end];
        }

        return _lines.GetValueOrDefault(path, 1);
    }

    public DeclarationFault Locate(DeclarationFault fault) => fault.Line > 0 ? fault : fault with { Line = LineOf(fault.Path) };

    private void Walk(ref Utf8JsonReader reader, string path, Type? type)
    {
        _lines.TryAdd(path, Line(reader.TokenStartIndex));
        if (DeclaredValue.Bracket(reader.TokenType, path, type) is { } mistaken)
        {
            _unknown.Add(new DeclarationFault(path, mistaken, Line(reader.TokenStartIndex)));
            reader.Skip();
        }
        else if (reader.TokenType == JsonTokenType.StartArray)
        {
            for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
            {
                Walk(ref reader, $"{path}[{i}]", type?.GetGenericArguments().FirstOrDefault());
            }
        }
        else if (reader.TokenType == JsonTokenType.StartObject)
        {
            var (start, names) = (Line(reader.TokenStartIndex), new List<string>());
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                var (name, line) = (Name(ref reader), Line(reader.TokenStartIndex));
                _lines.TryAdd($"{path}.{name}", line);
                names.Add(name);
                var property = Find(type, name, path, line);
                reader.Read();
                Walk(ref reader, $"{path}.{name}", property);
            }

            _unknown.AddRange(DeclaredValue.Lacking(type, names).Select(name => new DeclarationFault(path, $"it lacks '{name}'", start)));
        }
        else if (DeclaredValue.Problem(ref reader, path[(path.LastIndexOf('.') + 1)..], type) is { } problem)
        {
            _unknown.Add(new DeclarationFault(path, problem, Line(reader.TokenStartIndex)));
        }
    }

    private Type? Find(Type? type, string name, string path, long line)
    {
        if (type is null || type.Namespace != typeof(Corpus).Namespace)
        {
            return null;
        }

        var properties = type.GetProperties();
        var property = properties.FirstOrDefault(
            property => DeclaredValue.NameOf(property).Equals(name, StringComparison.OrdinalIgnoreCase));
        if (property is null)
        {
            var hint = NearestName.Hint(name, properties.Select(DeclaredValue.NameOf));
            _unknown.Add(
                new DeclarationFault(
                    $"{path}.{name}", $"unknown property '{name}'{(hint.Length > 0 ? hint : "; docs/corpora.md lists the properties")}",
                    line));
        }

        return property?.PropertyType;
    }

    private static string Name(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException($"A property's name is no text: {e.Message}");
        }
    }

    private long Line(long index)
    {
        _line += _json.AsSpan((int)_counted, (int)(index - _counted)).Count((byte)'\n');
        _counted = index;
        return _line;
    }
}
