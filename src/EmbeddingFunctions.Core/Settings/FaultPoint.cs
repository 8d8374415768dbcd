using System.Globalization;
using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Settings;

/// <summary>Where, and at which passing counted from 1, the process is to die; for tests alone.</summary>
internal sealed partial record FaultPoint(CrashPoint Point, int Occurrence)
{
    /// <summary>As they are written in the setting: <c>after-claim</c>.</summary>
    public static IReadOnlyList<string> Names { get; } = Enum.GetNames<CrashPoint>().Select(Name).ToList();

    /// <param name="value">A name, or a name and an occurrence: <c>after-claim:2</c>.</param>
    public static FaultPoint? TryParse(string value)
    {
        var parts = value.Split(':', 2);
        var place = Names.ToList().IndexOf(parts[0]);
        var occurrence = 1;
        var isOccurrence = parts.Length == 1
            || (int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out occurrence) && occurrence > 0);
        return place >= 0 && isOccurrence ? new FaultPoint(Enum.GetValues<CrashPoint>()[place], occurrence) : null;
    }

    public override string ToString() => $"{Name(Point.ToString())}:{Occurrence}";

    private static string Name(string point) => WordPattern().Replace(point, "-$0").ToLowerInvariant();

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex WordPattern();
}
