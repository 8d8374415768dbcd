using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace EmbeddingFunctions.Cli.Server;

/// <summary>
/// The summaries of types and properties, from the XML files beside the assemblies. The framework's own generator leaves out types that
/// are not public, as most answers are, and would put all others into this program.
/// </summary>
internal static partial class CodeComments
{
    private static readonly ConcurrentDictionary<Assembly, Dictionary<string, string>> _read = new();

    public static string? Of(Type type) => Find(type, $"T:{type.FullName}");

    public static string? Of(PropertyInfo property) =>
        property.DeclaringType is { } type ? Find(type, $"P:{type.FullName}.{property.Name}") : null;

    private static string? Find(Type type, string name) => _read.GetOrAdd(type.Assembly, Read).GetValueOrDefault(name);

    private static Dictionary<string, string> Read(Assembly assembly)
    {
        var file = Path.Combine(AppContext.BaseDirectory, $"{assembly.GetName().Name}.xml");
        return !File.Exists(file) ? [] : XDocument.Load(file).Descendants("member").Where(member => member.Element("summary") is not null)
            .ToDictionary(member => member.Attribute("name")!.Value, member => Text(member.Element("summary")!));
    }

    private static string Text(XElement summary) => Blanks().Replace(
        string.Concat(summary.Nodes().Select(node => node is XElement element ? Word(element) : $"{node}")), " ").Trim();

    // A reference to another field is its name.
    private static string Word(XElement element) => element.Attribute("cref")?.Value is { } member
        ? JsonNamingPolicy.CamelCase.ConvertName(member[(member.LastIndexOf('.') + 1)..]) : element.Value;

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
