using System.Reflection;
using System.Text.Json.Nodes;
using EmbeddingFunctions.App;

namespace EmbeddingFunctions.Tests.Functions;

/// <summary>The app as it is published, and its functions as the host finds them there: in the metadata that the SDK writes.</summary>
internal static class AppFunctions
{
    public static string Folder { get; } = typeof(AppFunctions).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(data => data.Key == "App").Value!;

    public static IReadOnlyDictionary<string, AppFunction> All { get; } = Read("functions.metadata").AsArray()
        .Select(function => new AppFunction(function!)).ToDictionary(function => function.Name);

    public static JsonNode Read(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, file)))!;
}

/// <summary>One function of the metadata.</summary>
internal sealed class AppFunction(JsonNode metadata)
{
    public string Name { get; } = (string)metadata["name"]!;

    public JsonArray Bindings { get; } = metadata["bindings"]!.AsArray();

    /// <summary>The binding that starts it.</summary>
    public JsonNode Trigger => Bindings.Single(binding => ((string)binding!["type"]!).EndsWith("Trigger", StringComparison.Ordinal))!;

    public string TriggerType => (string)Trigger["type"]!;

    /// <summary>What the host calls.</summary>
    public MethodInfo Method
    {
        get
        {
            var entry = (string)metadata["entryPoint"]!;
            var dot = entry.LastIndexOf('.');
            return typeof(RunOrchestrator).Assembly.GetType(entry[..dot], throwOnError: true)!.GetMethod(entry[(dot + 1)..])!;
        }
    }
}
