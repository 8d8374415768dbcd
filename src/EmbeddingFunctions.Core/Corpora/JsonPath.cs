using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Corpora;

/// <summary>
/// A value within a json or jsonb column, as a template names it in Postgres's own notation: <c>data->'author'->>'name'</c>.
/// </summary>
internal sealed partial record JsonPath(string Column, IReadOnlyList<string> Steps)
{
    /// <returns>The path, or null where the name has not its form.</returns>
    public static JsonPath? Of(string name) => Whole().Match(name) is { Success: true } path
        ? new(path.Groups["column"].Value.Trim(), path.Groups["step"].Captures.Select(step => Read(step.Value)).ToList())
        : null;

    private static string Read(string step) =>
        step.StartsWith('\'') ? step[1..^1].Replace("''", "'", StringComparison.Ordinal) : step;

    [GeneratedRegex(@"^(?<column>.+?)(?:\s*->\s*(?<step>'(?:[^']|'')*'|\d+))*\s*->>\s*(?<step>'(?:[^']|'')*'|\d+)\z")]
    private static partial Regex Whole();
}
