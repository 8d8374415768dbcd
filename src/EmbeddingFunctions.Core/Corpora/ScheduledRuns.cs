using System.Text.RegularExpressions;

namespace EmbeddingFunctions.Corpora;

/// <summary>The items that a scheduled run takes; requested runs take all.</summary>
public sealed partial record ScheduledRuns
{
    /// <summary>The largest number of items a run.</summary>
    public int? Limit { get; init; }

    /// <summary>
    /// Of items that never had a vector only those created within this time, for example <c>7 days</c>; edited ones are always taken.
    /// </summary>
    public string? NewerThan { get; init; }

    internal static bool IsTime(string text) => Time().IsMatch(text);

    [GeneratedRegex(@"^[1-9][0-9]{0,3} (minute|hour|day|week)s?\z")]
    private static partial Regex Time();
}
