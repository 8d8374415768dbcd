using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;

namespace EmbeddingFunctions.Tests.Infra;

/// <summary>What <c>infra/main.bicep</c> deploys, as the Bicep compiler writes it.</summary>
internal static class Deployment
{
    private static readonly Lazy<(string Diagnostics, JsonNode? Template)> _compiled = new(Compile);

    /// <summary>Warnings and errors; empty if there are none.</summary>
    public static string Diagnostics => _compiled.Value.Diagnostics;

    /// <summary>The template of the whole deployment.</summary>
    public static JsonObject Template => (_compiled.Value.Template ?? throw new InvalidOperationException(Diagnostics)).AsObject();

    /// <summary>The files by their path within <c>infra</c>.</summary>
    public static Dictionary<string, string> Sources => Directory
        .GetFiles(Path.Combine(Root(), "infra"), "*.bicep", SearchOption.AllDirectories)
        .ToDictionary(path => Path.GetRelativePath(Path.Combine(Root(), "infra"), path), File.ReadAllText);

    public static string Root([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    /// <summary>The deployment of a module: what it is passed, and its template.</summary>
    public static JsonObject Module(string name) => Template["resources"]!.AsArray()
        .Single(resource => (string?)resource!["type"] == "Microsoft.Resources/deployments" && (string?)resource["name"] == name)!
        ["properties"]!.AsObject();

    /// <summary>The value of a parameter that a module is passed.</summary>
    public static string? Passed(string module, string parameter) => (string?)Module(module)["parameters"]![parameter]!["value"];

    /// <summary>The values of every property of a name, at any depth.</summary>
    public static IEnumerable<string> ValuesOf(JsonNode? node, string property) => node switch
    {
        JsonObject all => all.SelectMany(one =>
            one.Key == property && one.Value is JsonValue value ? [value.ToString()] : ValuesOf(one.Value, property)),
        JsonArray all => all.SelectMany(one => ValuesOf(one, property)),
        _ => [],
    };

    private static (string, JsonNode?) Compile()
    {
        var compiler = typeof(Deployment).Assembly.GetCustomAttributes(typeof(System.Reflection.AssemblyMetadataAttribute), false)
            .Cast<System.Reflection.AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "Bicep").Value!;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(compiler, File.GetUnixFileMode(compiler) | UnixFileMode.UserExecute);
        }

        using var bicep = Process.Start(new ProcessStartInfo(compiler, ["build", Path.Combine(Root(), "infra", "main.bicep"), "--stdout"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (template, diagnostics) = (bicep.StandardOutput.ReadToEndAsync(), bicep.StandardError.ReadToEndAsync());
        bicep.WaitForExit();
        return (diagnostics.Result, bicep.ExitCode == 0 ? JsonNode.Parse(template.Result) : null);
    }
}
