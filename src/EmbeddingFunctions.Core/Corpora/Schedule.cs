using NCrontab;

namespace EmbeddingFunctions.Corpora;

/// <summary>An NCrontab expression of five fields, or six that begin with seconds, as a Functions timer reads it; in UTC.</summary>
internal sealed class Schedule
{
    private const int FieldsWithSeconds = 6;

    private static readonly TimeSpan _first = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _farthest = TimeSpan.FromDays(10 * 366);

    private readonly CrontabSchedule _times;

    private Schedule(CrontabSchedule times) => _times = times;

    /// <returns>Null if it is no such expression, or never comes.</returns>
    public static Schedule? TryParse(string expression)
    {
        var fields = expression.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
        var times = CrontabSchedule.TryParse(expression, new() { IncludingSeconds = fields == FieldsWithSeconds });
        return times is null || Next(times, DateTime.UnixEpoch) is null ? null : new Schedule(times);
    }

    /// <returns>When it comes next after a moment.</returns>
    public DateTimeOffset Next(DateTimeOffset after) => Moment(Next(_times, after.UtcDateTime) ?? DateTime.MaxValue);

    /// <returns>When it came last, up to and with a moment.</returns>
    public DateTimeOffset Last(DateTimeOffset until)
    {
        // Looks back twice as far each time: few moments are enumerated, be it every second or once a year.
        for (var window = _first; window <= _farthest; window *= 2)
        {
            var times = _times.GetNextOccurrences(until.UtcDateTime - window, until.UtcDateTime.AddTicks(1)).ToList();
            if (times.Count > 0)
            {
                return Moment(times[^1]);
            }
        }

        return DateTimeOffset.MinValue;
    }

    private static DateTime? Next(CrontabSchedule times, DateTime after)
    {
        var end = after > DateTime.MaxValue - _farthest ? DateTime.MaxValue : after + _farthest;
        return times.GetNextOccurrences(after, end).Select(time => (DateTime?)time).FirstOrDefault();
    }

    private static DateTimeOffset Moment(DateTime utc) => new(DateTime.SpecifyKind(utc, DateTimeKind.Utc));
}
