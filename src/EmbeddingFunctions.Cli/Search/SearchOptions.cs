using System.CommandLine;
using System.Text.Json;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Cli.Search;

/// <summary>The options of a search, and the request that they make.</summary>
internal sealed class SearchOptions
{
    private static readonly string[] _comparisons = ["!=", "<=", ">=", "=", "<", ">"];

    private readonly Option<string> _mode = new Option<string>("--mode")
    {
        Description = "By meaning and by words, by meaning alone, or by words alone.",
        HelpName = "hybrid|vector|text",
        DefaultValueFactory = _ => "hybrid",
    }.AcceptOnlyFromAmong("hybrid", "vector", "text");

    private readonly Option<int?> _limit = Arguments.Count("--limit", "At most this number of items; 10 unless given.", max: 100);

    private readonly Option<string[]> _kind = new("--kind")
    {
        Description = "Only items of this kind; may be repeated.",
        HelpName = "kind",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _partition = new("--partition") { Description = "Only items of this partition.", HelpName = "id" };

    private readonly Option<SearchFilter[]> _where = new("--where")
    {
        Description = "Only items whose column compares so, with =, !=, <, <=, > or >=; may be repeated.",
        HelpName = "column=value",
        CustomParser = result => result.Tokens.Select(token => Filter(token.Value, result.AddError)).OfType<SearchFilter>().ToArray(),
        DefaultValueFactory = _ => [],
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<double?> _minSimilarity = new("--min-similarity")
    {
        Description = "Only items that are at least so similar, 0 to 1.",
        HelpName = "share",
    };

    private readonly Option<bool> _exact = new("--exact") { Description = "Compare every vector, without an index." };

    private readonly Option<bool> _includeStale = new("--include-stale")
    {
        Description = "Find items by vectors of an earlier text too.",
    };

    private readonly Option<string?> _cursor = new("--cursor") { Description = "The 'next' of the page before.", HelpName = "text" };

    public void AddTo(Command command, bool hasQuery)
    {
        command.Add(_limit);
        command.Add(_kind);
        command.Add(_partition);
        command.Add(_where);
        command.Add(_minSimilarity);
        command.Add(_exact);
        command.Add(_includeStale);
        command.Add(_cursor);
        if (hasQuery)
        {
            command.Add(_mode);
        }
    }

    /// <returns>A request that asks for nothing yet.</returns>
    public SearchRequest Request(ParseResult parsed, string corpus, bool hasQuery) => new()
    {
        Corpus = corpus,
        Mode = hasQuery ? Enum.Parse<SearchMode>(parsed.GetValue(_mode)!, ignoreCase: true) : SearchMode.Vector,
        Limit = parsed.GetValue(_limit) ?? 10,
        Kinds = parsed.GetValue(_kind)!,
        Partition = parsed.GetValue(_partition),
        Where = parsed.GetValue(_where)!,
        MinSimilarity = parsed.GetValue(_minSimilarity),
        Exact = parsed.GetValue(_exact),
        IncludeStale = parsed.GetValue(_includeStale),
        Cursor = parsed.GetValue(_cursor),
    };

    private static SearchFilter? Filter(string text, Action<string> error)
    {
        var at = text.IndexOfAny(['!', '<', '>', '=']);
        if (at < 1 || _comparisons.FirstOrDefault(one => string.CompareOrdinal(text, at, one, 0, one.Length) == 0) is not { } comparison)
        {
            error($"--where takes a column, a comparison and a value, such as state=open, not '{text}'.");
            return null;
        }

        var value = JsonSerializer.SerializeToElement(text[(at + comparison.Length)..]);
        return JsonSerializer.Deserialize<SearchFilter>(
            JsonSerializer.Serialize(new Dictionary<string, object> { ["Column"] = text[..at], [comparison] = value }));
    }
}
