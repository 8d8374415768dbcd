using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Corpora;

/// <summary>
/// A declared SQL expression over a row's columns. Only whether it is one expression, wherever it stands in brackets, is decided here; all
/// else is asked of Postgres.
/// </summary>
internal static partial class SqlExpression
{
    /// <returns>What keeps the text from being one expression, or null.</returns>
    public static string? Problem(string expression)
    {
        var open = new Stack<string>();
        var previous = (End: -1, Text: "");
        foreach (Match token in Tokens().Matches(expression))
        {
            var text = token.Value;
            if (text is ";" or "--" or "/*" or "$" or "\\" or "'" or "\"")
            {
                return text is "'" or "\"" ? "does not close a quote" : $"has {text}, which no expression may have";
            }

            if (text[0] is '\'' or '"' && previous.End == token.Index && (previous.Text == "&" || char.IsLetterOrDigit(previous.Text[^1])))
            {
                return "has a quote with a letter in front; only plain quotes are read";
            }

            if (text is "(" or "[")
            {
                open.Push(text == "(" ? ")" : "]");
            }
            else if (text is ")" or "]" && (open.Count == 0 || open.Pop() != text))
            {
                return "closes a bracket that it does not open";
            }

            previous = (token.Index + token.Length, text);
        }

        return open.Count > 0 ? "does not close a bracket" : string.IsNullOrWhiteSpace(expression) ? "is empty" : null;
    }

    /// <returns>The names in it that may be columns', each once.</returns>
    public static IReadOnlyList<string> Names(string expression)
    {
        var tokens = Tokens().Matches(expression).Where(token => !string.IsNullOrWhiteSpace(token.Value)).ToList();
        return tokens
            .Where((token, i) => token.Groups["name"].Success && !(i > 0 && tokens[i - 1].Value is "." or ":")
                && !(i + 1 < tokens.Count && tokens[i + 1].Value == "("))
            .Select(token => Unquoted(token.Value)).Distinct().ToList();
    }

    // As Postgres reads a name: without quotes its ASCII letters are small.
    private static string Unquoted(string name) => name[0] == '"'
        ? name[1..^1].Replace("\"\"", "\"", StringComparison.Ordinal)
        : string.Concat(name.Select(c => char.IsAscii(c) ? char.ToLowerInvariant(c) : c));

    [GeneratedRegex("""'(?:[^']|'')*'|(?<name>"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{Nd}_]*)|\d[\p{L}\p{Nd}_.]*|\s+|--|/\*|.""",
        RegexOptions.Singleline)]
    private static partial Regex Tokens();
}
