namespace EmbeddingFunctions.Tests.Infra;

internal sealed record BicepParameter(string Name, string Type, bool HasDefault);

internal sealed record BicepModule(string Name, string Path, IReadOnlyList<string> Passed);

/// <summary>What a Bicep file declares and what it refers to; as much of the language as this repository's files use.</summary>
internal sealed class BicepFile
{
    private static readonly string[] _keywords = ["true", "false", "null", "if", "for", "in"];

    private readonly List<string> _problems;

    public BicepFile(string source)
    {
        var (tokens, problems) = BicepLexer.Read(source);
        (Tokens, _problems) = (tokens, [.. problems]);
        foreach (var statement in Statements(tokens))
        {
            Read(statement);
        }
    }

    public IReadOnlyList<BicepToken> Tokens { get; }

    public List<BicepParameter> Parameters { get; } = [];

    public List<string> Variables { get; } = [];

    public List<string> Resources { get; } = [];

    public List<BicepModule> Modules { get; } = [];

    public List<string> Outputs { get; } = [];

    /// <summary>Every name that stands for something declared, in the order of the file.</summary>
    public List<BicepToken> References { get; } = [];

    /// <summary>Each <c>module.outputs.name</c>.</summary>
    public List<(string Module, string Output)> OutputReferences { get; } = [];

    /// <summary>Brackets and strings without an end, and lines that are no statement.</summary>
    public IReadOnlyList<string> Problems => _problems;

    public IEnumerable<string> Declared =>
        [.. Parameters.Select(parameter => parameter.Name), .. Variables, .. Resources, .. Modules.Select(module => module.Name)];

    /// <returns>What stands behind a property's colon, wherever the property is set.</returns>
    public IEnumerable<string> ValuesOf(string property) =>
        Enumerable.Range(0, Tokens.Count - 2).Where(i => Tokens.IsKey(i) && Tokens[i].Text == property).Select(i => Tokens[i + 2].Text);

    // A statement ends with a line, unless a bracket is open.
    private static IEnumerable<List<BicepToken>> Statements(IReadOnlyList<BicepToken> tokens)
    {
        var (statement, depth) = (new List<BicepToken>(), 0);
        foreach (var token in tokens)
        {
            depth += token.Step;
            if (token.Kind != BicepTokenKind.LineEnd || depth > 0)
            {
                statement.Add(token);
            }
            else if (statement.Count > 0)
            {
                yield return statement;
                statement = [];
            }
        }

        if (statement.Count > 0)
        {
            yield return statement;
        }
    }

    private void Read(List<BicepToken> statement)
    {
        var equals = statement.FindIndex(token => token.IsSign("="));
        var name = statement.ElementAtOrDefault(1)?.Text ?? "";
        switch (statement[0].Text)
        {
            case "param":
                var type = equals < 0 ? statement[2..] : statement[2..equals];
                Parameters.Add(new BicepParameter(name, string.Concat(type.Select(token => token.Text)), equals >= 0));
                break;
            case "var" when equals == 2:
                Variables.Add(name);
                break;
            case "resource" when equals is 3 or 4: // 4: of one that exists already
                Resources.Add(name);
                break;
            case "module" when equals == 3:
                Modules.Add(new BicepModule(name, statement[2].Text, Passed(statement)));
                break;
            case "output" when equals == 3:
                Outputs.Add(name);
                break;
            case "targetScope" or "@":
                break;
            default:
                _problems.Add($"line {statement[0].Line}: '{statement[0].Text} {name}' is no statement");
                break;
        }

        Refer(statement[0].IsSign("@") ? statement : equals < 0 ? [] : statement[(equals + 1)..]);
    }

    // The keys of the braces behind "params:".
    private static List<string> Passed(List<BicepToken> statement)
    {
        var (passed, depth) = (new List<string>(), 0);
        var start = Enumerable.Range(0, statement.Count)
            .FirstOrDefault(i => statement.IsKey(i) && statement[i].Text == "params", statement.Count - 2);
        for (var i = start + 2; i < statement.Count && (i == start + 2 || depth > 0); i++)
        {
            depth += statement[i].Step;
            if (depth == 1 && statement.IsKey(i))
            {
                passed.Add(statement[i].Text);
            }
        }

        return passed;
    }

    private void Refer(List<BicepToken> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            if (
                tokens[i].Kind != BicepTokenKind.Name || _keywords.Contains(tokens[i].Text) || tokens.IsKey(i) || tokens.IsMember(i)
                    || tokens.IsAt(i + 1, "("))
            {
                continue;
            }

            References.Add(tokens[i]);
            var dot = tokens.IsAt(i + 1, "!") ? i + 2 : i + 1;
            if (tokens.IsAt(dot, ".") && tokens.ElementAtOrDefault(dot + 1)?.Text == "outputs" && tokens.Count > dot + 3)
            {
                OutputReferences.Add((tokens[i].Text, tokens[dot + 3].Text));
            }
        }
    }
}
