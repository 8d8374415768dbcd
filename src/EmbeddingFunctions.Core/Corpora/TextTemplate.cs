using System.Text;

namespace EmbeddingFunctions.Corpora;

/// <summary>Words and <c>{columns}</c> that make an item's text; a null column is empty.</summary>
internal sealed class TextTemplate
{
    private readonly IReadOnlyList<(string Text, int Column)> _parts;

    private TextTemplate(IReadOnlyList<(string, int)> parts, IReadOnlyList<string> columns)
    {
        _parts = parts;
        Columns = columns;
    }

    /// <summary>The columns that the text is made of, each once, in order of appearance.</summary>
    public IReadOnlyList<string> Columns { get; }

    public static TextTemplate Parse(string template)
    {
        if (Problem(template) is { } problem)
        {
            throw new CorpusException($"The text '{template}' {problem}.");
        }

        var parts = new List<(string, int)>();
        var columns = new List<string>();
        for (var at = 0; at < template.Length;)
        {
            var open = template.IndexOf('{', at);
            var literal = open < 0 ? template[at..] : template[at..open];
            if (literal.Length > 0)
            {
                parts.Add((literal, -1));
            }

            if (open < 0)
            {
                break;
            }

            var close = template.IndexOf('}', open);
            var name = template[(open + 1)..close];
            if (!columns.Contains(name))
            {
                columns.Add(name);
            }

            parts.Add((name, columns.IndexOf(name)));
            at = close + 1;
        }

        return new TextTemplate(parts, columns);
    }

    /// <returns>What is wrong with a template, or null.</returns>
    public static string? Problem(string template)
    {
        var open = false;
        var columns = 0;
        for (var i = 0; i < template.Length; i++)
        {
            if (template[i] == '{')
            {
                if (open || i + 1 >= template.Length || template[i + 1] == '}')
                {
                    return "has a brace without a column's name behind it";
                }

                (open, columns) = (true, columns + 1);
            }
            else if (template[i] == '}')
            {
                if (!open)
                {
                    return "closes a brace that it does not open";
                }

                open = false;
            }
        }

        return open ? "does not close a brace" : columns == 0 ? "names no {column}" : null;
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
        foreach (var (literal, column) in _parts)
        {
            text.Append(column < 0 ? literal : values[column]);
        }

        return text.ToString();
    }
}
