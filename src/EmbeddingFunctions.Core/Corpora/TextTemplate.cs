using System.Text;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Corpora;

/// <summary>
/// Words and <c>{columns}</c> that make an item's text; a null column is empty. A part in braces of its own, <c>{. Game: {game}}</c>, is
/// left out where a column of it is blank, or where <c>{a}!={b}</c> are the same; the first part that stays loses the separator in front.
/// </summary>
internal sealed partial class TextTemplate
{
    internal const int None = -1;

    /// <summary>What an optional part loses in front where it begins the text.</summary>
    internal const string Separators = " .,;:|-";

    private readonly List<Part> _parts = [];
    private readonly List<string> _columns = [];

    private TextTemplate(string template)
    {
        foreach (Match part in Parts().Matches(template))
        {
            var optional = part.Groups["part"];
            _parts.Add(new Part(Pieces().Matches(optional.Success ? optional.Value : part.Value).Select(Read).ToList(), optional.Success));
        }
    }

    /// <summary>The columns that the text is made of, each once, in order of appearance.</summary>
    public IReadOnlyList<string> Columns => _columns;

    public IReadOnlyList<Part> All => _parts;

    public static TextTemplate Parse(string template) =>
        Problem(template) is { } problem ? throw new InvalidCorpusException($"The text '{template}' {problem}.")
        : new TextTemplate(template);

    /// <returns>What is wrong with a template, or null.</returns>
    public static string? Problem(string template)
    {
        const int Deepest = 2;
        var (depth, columns) = (0, 0);
        for (var i = 0; i < template.Length; i++)
        {
            if (template[i] == '{')
            {
                if (depth == Deepest || i + 1 >= template.Length || template[i + 1] == '}')
                {
                    return "has a brace without a column's name behind it";
                }

                (depth, columns) = (depth + 1, columns + 1);
            }
            else if (template[i] == '}' && --depth < 0)
            {
                return "closes a brace that it does not open";
            }
        }

        return depth > 0 ? "does not close a brace" : columns == 0 ? "names no {column}" : null;
    }

    /// <param name="values">One value a column, in the order of <see cref="Columns"/>.</param>
    /// <returns>The text, or an empty one if no column holds anything to read: words of the template alone say nothing.</returns>
    public string Render(IReadOnlyList<string?> values)
    {
        if (values.All(string.IsNullOrWhiteSpace))
        {
            return "";
        }

        var text = new StringBuilder();
        foreach (var part in _parts.Where(part => !part.IsOptional || part.Pieces.All(piece => Says(piece, values))))
        {
            var words = string.Concat(part.Pieces.Select(piece => piece.Column == None ? piece.Words : values[piece.Column]));
            text.Append(part.IsOptional && text.Length == 0 ? words.TrimStart(Separators.ToCharArray()) : words);
        }

        return text.ToString();
    }

    private static bool Says(Piece piece, IReadOnlyList<string?> values) => piece.Column == None
        || (!string.IsNullOrWhiteSpace(values[piece.Column])
            && (
                piece.Other == None
                    || !values[piece.Column]!.Trim().Equals(values[piece.Other]?.Trim(), StringComparison.OrdinalIgnoreCase)));

    private Piece Read(Match piece) => new(piece.Groups["words"].Value, Column(piece.Groups["column"]), Column(piece.Groups["other"]));

    private int Column(Group name)
    {
        if (!name.Success)
        {
            return None;
        }

        if (!_columns.Contains(name.Value))
        {
            _columns.Add(name.Value);
        }

        return _columns.IndexOf(name.Value);
    }

    [GeneratedRegex(@"\{(?<part>(?:[^{}]*\{[^{}]+\})+[^{}]*)\}|\{[^{}]+\}|[^{}]+")]
    private static partial Regex Parts();

    [GeneratedRegex(@"\{(?<column>[^{}]+)\}(?:!=\{(?<other>[^{}]+)\})?|(?<words>[^{}]+)")]
    private static partial Regex Pieces();

    internal sealed record Part(IReadOnlyList<Piece> Pieces, bool IsOptional);

    /// <param name="Words">What it says, where it is no column.</param>
    /// <param name="Column">The place of its column among the template's, or <see cref="None"/>.</param>
    /// <param name="Other">The place of the column from which it must differ, or <see cref="None"/>.</param>
    internal sealed record Piece(string Words, int Column, int Other);
}
