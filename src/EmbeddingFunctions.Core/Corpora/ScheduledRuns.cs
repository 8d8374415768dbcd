using System.Globalization;
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

    /// <returns>The time, which may be in seconds too; null: it is none.</returns>
    internal static TimeSpan? TimeOf(string text)
    {
        if (Duration().Match(text) is not { Success: true } match)
        {
            return null;
        }

        var number = int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture);
        return match.Groups["unit"].Value switch
        {
            "second" => TimeSpan.FromSeconds(number),
            "minute" => TimeSpan.FromMinutes(number),
            "hour" => TimeSpan.FromHours(number),
            "day" => TimeSpan.FromDays(number),
            _ => TimeSpan.FromDays(7 * number),
        };
    }

    [GeneratedRegex(@"^[1-9][0-9]{0,3} (minute|hour|day|week)s?\z")]
    private static partial Regex Time();

    [GeneratedRegex(@"^(?<number>[1-9][0-9]{0,5}) (?<unit>second|minute|hour|day|week)s?\z")]
    private static partial Regex Duration();
}
