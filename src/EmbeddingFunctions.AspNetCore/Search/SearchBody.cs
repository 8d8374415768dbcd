using System.Text.Json;
using System.Text.Json.Serialization;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.AspNetCore;

/// <summary>Reads a search from a JSON object or from a query string; its faults are reported field by field.</summary>
internal sealed class SearchBody
{
    private const string Text = "a string";
    private const string Texts = "an array of strings";
    private const string Flag = "true or false";

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.Strict,
        RespectNullableAnnotations = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false), new TextOrNumber() },
    };

    private readonly Dictionary<string, string[]> _errors = [];
    private readonly HashSet<string> _known = [];
    private readonly JsonElement _data;

    public SearchBody(JsonElement data)
    {
        _data = data;
        if (data.ValueKind != JsonValueKind.Object)
        {
            Refuse("$", "is no JSON object; send at least {\"corpus\":\"…\",\"query\":\"…\"}.");
        }
    }

    /// <summary>Fields that cannot be used, each with its reason; empty: the search is right.</summary>
    public IReadOnlyDictionary<string, string[]> Errors => _errors;

    /// <returns>A search, to be used if there are no errors.</returns>
    public SearchRequest Search(SearchScope scope) => Read(new SearchRequest
    {
        Corpus = Required("corpus"),
        Query = Read<string>("query", Text),
        Vector = Read<float[]>("vector", "an array of numbers"),
        Item = Read<ItemKey>("item", "an object like {\"kind\":\"issue\",\"id\":\"7\"}"),
        Mode = Read<SearchMode>("mode", "hybrid, vector or text"),
        Highlight = Read<SearchHighlight>("highlight", "none, html or text"),
        Fusion = Read<SearchFusion>("fusion", "an object like {\"k\":60,\"vectorWeight\":1,\"textWeight\":1}") ?? new(),
        Scope = scope,
    });

    /// <returns>A search for what is like an item, to be used if there are no errors.</returns>
    public SearchRequest Similar(string corpus, ItemKey item, SearchScope scope) =>
        Read(new SearchRequest { Corpus = corpus, Item = item, Scope = scope });

    /// <returns>Corpus and query of a request for a vector.</returns>
    public (string Corpus, string Query) Embed()
    {
        var asked = (Required("corpus"), Required("query"));
        RefuseOthers();
        return asked;
    }

    // The fields that both have.
    private SearchRequest Read(SearchRequest request)
    {
        request = request with
        {
            Kinds = Read<string[]>("kinds", Texts) ?? [],
            Partition = Read<string>("partition", Text),
            Where = Read<SearchFilter[]>("where", "an array of conditions like {\"column\":\"state\",\"=\":\"open\"}") ?? [],
            Limit = Read<int?>("limit", "a whole number from 1 to 100") ?? request.Limit,
            Cursor = Read<string>("cursor", "the text 'next' of the page before"),
            MinSimilarity = Read<double?>("minSimilarity", "a number from 0 to 1"),
            Exact = Read<bool>("exact", Flag),
            IncludeStale = Read<bool>("includeStale", Flag),
            Diversity = Read<double>("diversity", "a number from 0 to 1"),
            Columns = Read<string[]>("columns", Texts),
        };
        RefuseOthers();
        return request;
    }

    private string Required(string name)
    {
        if (Read<string>(name, Text) is { } value)
        {
            return value;
        }

        Refuse(name, $"is missing: it takes {Text}.");
        return "";
    }

    private T? Read<T>(string name, string expectation)
    {
        _known.Add(name);
        if (_data.ValueKind != JsonValueKind.Object || !_data.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return default;
        }

        try
        {
            return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.Null)
                ? throw new JsonException() : value.Deserialize<T>(_json);
        }
        catch (JsonException)
        {
            Refuse(name, $"takes {expectation}.");
            return default;
        }
    }

    private void RefuseOthers()
    {
        foreach (var property in _data.ValueKind == JsonValueKind.Object ? _data.EnumerateObject() : default)
        {
            if (!_known.Contains(property.Name))
            {
                Refuse(property.Name, $"is not known here; known are: {string.Join(", ", _known)}.");
            }
        }
    }

    private void Refuse(string field, string reason) => _errors.TryAdd(field, [$"{field} {reason}"]);

    // Keys and partitions are texts; a number is taken as its digits.
    private sealed class TextOrNumber : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.Number)
            {
                return reader.TokenType == JsonTokenType.String ? reader.GetString() : throw new JsonException();
            }

            using var number = JsonDocument.ParseValue(ref reader);
            return number.RootElement.GetRawText();
        }

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);
    }
}
