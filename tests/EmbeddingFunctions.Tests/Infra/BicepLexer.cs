using System.Text;

namespace EmbeddingFunctions.Tests.Infra;

/// <summary>Cuts a Bicep file into tokens, and says which brackets and strings do not end.</summary>
internal sealed class BicepLexer(string source)
{
    private readonly List<BicepToken> _tokens = [];
    private readonly List<string> _problems = [];
    private int _at;
    private int _line = 1;

    public static (IReadOnlyList<BicepToken> Tokens, IReadOnlyList<string> Problems) Read(string source)
    {
        var lexer = new BicepLexer(source);
        lexer.ReadCode(end: null);
        return (lexer._tokens, lexer._problems);
    }

    private void ReadCode(char? end)
    {
        var open = new Stack<(char Sign, int Line)>();
        while (_at < source.Length && (open.Count > 0 || source[_at] != end))
        {
            var next = source[_at];
            switch (next)
            {
                case '\n':
                    Add(BicepTokenKind.LineEnd, "\n");
                    _line++;
                    _at++;
                    break;
                case '/' when source.AsSpan(_at).StartsWith("//"):
                    _at = Find("\n", _at);
                    break;
                case '\'':
                    ReadText();
                    break;
                case var letter when char.IsAsciiLetter(letter) || letter == '_':
                    ReadWhile(BicepTokenKind.Name, c => char.IsAsciiLetterOrDigit(c) || c == '_');
                    break;
                case var digit when char.IsAsciiDigit(digit):
                    ReadWhile(BicepTokenKind.Number, char.IsAsciiDigit);
                    break;
                default:
                    Match(open, next);
                    if (!char.IsWhiteSpace(next))
                    {
                        Add(BicepTokenKind.Sign, next.ToString());
                    }

                    _at++;
                    break;
            }
        }

        _problems.AddRange(open.Select(bracket => $"line {bracket.Line}: '{bracket.Sign}' is not closed"));
    }

    private void Match(Stack<(char Sign, int Line)> open, char sign)
    {
        if (sign is '(' or '[' or '{')
        {
            open.Push((sign, _line));
        }
        else if (sign is ')' or ']' or '}' && (!open.TryPop(out var opened) || sign != Closing(opened.Sign)))
        {
            _problems.Add($"line {_line}: '{sign}' closes nothing");
        }
    }

    private static char Closing(char sign) => sign switch { '(' => ')', '[' => ']', _ => '}' };

    private void ReadText()
    {
        var (place, line, text) = (_tokens.Count, _line, new StringBuilder());
        for (_at++; _at < source.Length && source[_at] is not ('\'' or '\n'); _at++)
        {
            if (source.AsSpan(_at).StartsWith("${"))
            {
                text.Append("${}");
                _at += 2;
                Add(BicepTokenKind.Sign, "${");
                ReadCode(end: '}');
                Add(BicepTokenKind.Sign, "}");
            }
            else
            {
                _at += source[_at] == '\\' ? 1 : 0;
                text.Append(source, _at, Math.Min(1, source.Length - _at));
            }
        }

        if (_at >= source.Length || source[_at] != '\'')
        {
            _problems.Add($"line {line}: a string is not closed");
        }
        else
        {
            _at++;
        }

        _tokens.Insert(place, new BicepToken(BicepTokenKind.Text, text.ToString(), line));
    }

    private void ReadWhile(BicepTokenKind kind, Func<char, bool> belongs)
    {
        var start = _at;
        while (_at < source.Length && belongs(source[_at]))
        {
            _at++;
        }

        Add(kind, source[start.._at]);
    }

    private int Find(string what, int start) =>
        source.IndexOf(what, start, StringComparison.Ordinal) is >= 0 and var found ? found : source.Length;

    private void Add(BicepTokenKind kind, string text) => _tokens.Add(new BicepToken(kind, text, _line));
}
