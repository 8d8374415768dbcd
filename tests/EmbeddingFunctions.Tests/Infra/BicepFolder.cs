using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Tests.Infra;

/// <summary>
/// The deployment's files, and all that is wrong between them. It stands in for the compiler, which not every machine has.
/// </summary>
/// <param name="sources">Their texts by their names, which begin in <c>infra</c>.</param>
internal sealed partial class BicepFolder(IReadOnlyDictionary<string, string> sources)
{
    private const string Entry = "main.bicep";
    private const string EntryParameters = "main.parameters.json";

    // As https://learn.microsoft.com/azure/role-based-access-control/built-in-roles has them.
    private static readonly Dictionary<string, string> _roles = new()
    {
        ["b7e6dc6d-f1e8-4753-8033-0f276bb0955b"] = "Storage Blob Data Owner",
        ["ba92f5b4-2d11-453d-a403-e96b0029c9fe"] = "Storage Blob Data Contributor",
        ["974c5e8b-45b9-4653-ba55-5f855dd0fb88"] = "Storage Queue Data Contributor",
        ["0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"] = "Storage Table Data Contributor",
        ["3913510d-42f4-4e42-8a64-420c390055eb"] = "Monitoring Metrics Publisher",
        ["5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"] = "Cognitive Services OpenAI User",
        ["0ad04412-c4d5-4796-b79c-f76d14c8d402"] = "Durable Task Data Contributor",
    };

    private readonly Dictionary<string, BicepFile> _files =
        sources.Where(source => source.Key.EndsWith(".bicep", StringComparison.Ordinal))
            .ToDictionary(source => source.Key, source => new BicepFile(source.Value));

    public BicepFile this[string name] => _files[name];

    public IEnumerable<string> Names => _files.Keys;

    public static string Root([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    public static Dictionary<string, string> ReadSources()
    {
        var folder = Path.Combine(Root(), "infra");
        return new[] { EntryParameters, Entry }
            .Concat(Directory.GetFiles(Path.Combine(folder, "modules"), "*.bicep").Select(path => $"modules/{Path.GetFileName(path)}"))
            .ToDictionary(name => name, name => File.ReadAllText(Path.Combine(folder, name)));
    }

    public IEnumerable<string> Unread() => Each((_, file) => file.Problems);

    public IEnumerable<string> Uncalled() =>
        Names.Where(name => name != Entry && _files[Entry].Modules.All(module => module.Path != name))
            .Select(name => $"{name} is not called")
            .Concat(
                _files[Entry].Modules.Where(module => !_files.ContainsKey(module.Path)).Select(module => $"{module.Path} does not exist"));

    public IEnumerable<string> WronglyPassed() =>
        from module in _files[Entry].Modules
        where _files.ContainsKey(module.Path)
        from problem in Differences(_files[module.Path].Parameters, module.Passed)
        select $"module {module.Name}: {problem}";

    public IEnumerable<string> WronglySet()
    {
        using var json = JsonDocument.Parse(sources[EntryParameters]);
        return Differences(
            _files[Entry].Parameters,
            json.RootElement.GetProperty("parameters").EnumerateObject().Select(set => set.Name).ToList()).ToList();
    }

    public IEnumerable<string> UnknownOutputs() =>
        from reference in _files[Entry].OutputReferences
        let module = _files[Entry].Modules.Find(module => module.Name == reference.Module)
        where module is null || !_files.TryGetValue(module.Path, out var file) || !file.Outputs.Contains(reference.Output)
        select $"there is no {reference.Module}.outputs.{reference.Output}";

    public IEnumerable<string> Undeclared() => Each((_, file) =>
        file.References.Where(name => !file.Declared.Contains(name.Text)).Select(name => $"line {name.Line}: {name.Text} is not declared"));

    public IEnumerable<string> Unused() => Each((_, file) =>
        file.Parameters.Select(parameter => parameter.Name).Concat(file.Variables)
            .Where(name => file.References.All(used => used.Text != name))
            .Select(name => $"{name} is not used"));

    public IEnumerable<string> Secrets() => Each((_, file) =>
        from token in file.Tokens
        where token.Kind is BicepTokenKind.Name or BicepTokenKind.Text && token.Text != "passwordAuth"
            && SecretPattern().IsMatch(token.Text)
        select $"line {token.Line}: {token.Text}");

    public IEnumerable<string> WronglyNamedRoles() => Each((name, _) =>
        from line in sources[name].Split('\n')
        from Match id in IdPattern().Matches(line)
        where _roles.GetValueOrDefault(id.Value) is not { } role || !line.EndsWith($"// {role}", StringComparison.Ordinal)
        select $"{id.Value} is not commented with its role's name");

    /// <summary>The names of the function app's settings.</summary>
    public IEnumerable<string> Settings() =>
        from Match setting in SettingPattern().Matches(sources["modules/functions.bicep"]) select setting.Groups[1].Value;

    private static IEnumerable<string> Differences(List<BicepParameter> parameters, IReadOnlyList<string> given) =>
        given.Where(name => !parameters.Exists(parameter => parameter.Name == name)).Select(name => $"there is no parameter {name}")
            .Concat(
                parameters.Where(parameter => !parameter.HasDefault && !given.Contains(parameter.Name))
                    .Select(parameter => $"{parameter.Name} is missing"))
            .Concat(given.GroupBy(name => name).Where(same => same.Count() > 1).Select(same => $"{same.Key} is given twice"));

    private IEnumerable<string> Each(Func<string, BicepFile, IEnumerable<string>> problems) =>
        _files.SelectMany(file => problems(file.Key, file.Value).Select(problem => $"{file.Key}: {problem}"));

    // Functions that hand out keys, a password in any form, a key in a connection string, user:password@ in an address.
    [GeneratedRegex(@"^list[A-Z]\w*$|^getSecret$|^secure$|[Pp]assword|(Account|Access|Shared|Api)\w*Key=|://[^/@]*:[^/@]*@")]
    private static partial Regex SecretPattern();

    [GeneratedRegex("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")]
    private static partial Regex IdPattern();

    [GeneratedRegex(@"\{ name: '(\w+)', value: ")]
    private static partial Regex SettingPattern();
}
