using System.Text.Json;
using System.Text.Json.Nodes;
using EmbeddingFunctions.Testing;
using Json.Schema;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>docs/openapi.json, held against what a server answers.</summary>
internal static class ApiDescription
{
    private static readonly JsonObject _document = JsonNode.Parse(
        File.ReadAllText(Path.Combine(Repository.Root, "docs", "openapi.json")))!.AsObject();

    public static IEnumerable<string> Paths => _document["paths"]!.AsObject().Select(path => path.Key);

    /// <returns>Why the description does not fit the answer, or nothing.</returns>
    public static async Task<string> Problem(string method, string path, HttpResponseMessage response)
    {
        var described = Paths.FirstOrDefault(template => Matches(template, path));
        var answer = _document["paths"]?[described ?? ""]?[method.ToLowerInvariant()]?["responses"]?[$"{(int)response.StatusCode}"];
        var type = response.Content.Headers.ContentType?.MediaType ?? "";
        if (answer?["content"]?[type]?["schema"]?["$ref"]?.GetValue<string>() is not { } schema)
        {
            return $"{method} {path} answers {(int)response.StatusCode} as {type}, which is not described";
        }

        var root = new JsonObject { ["$ref"] = schema, ["$defs"] = _document["components"]!["schemas"]!.DeepClone() };
        var text = root.ToJsonString().Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal);
        var results = JsonSchema.FromText(text).Evaluate(
            JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement,
            new EvaluationOptions { OutputFormat = OutputFormat.List });
        return results.IsValid ? "" : $"{method} {path}: " + string.Join(
            "; ", results.Details!.Where(detail => detail.Errors is not null)
                .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation} {error.Value}")));
    }

    private static bool Matches(string template, string path) =>
        template.Split('/') is var parts && path.Split('/') is var found && parts.Length == found.Length
        && parts.Zip(found).All(pair => pair.First == pair.Second || pair.First.StartsWith('{'));
}
