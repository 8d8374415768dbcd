using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Core.Tests.Corpora;

public sealed class ScheduleTests
{
    [Theory]
    [InlineData("0 */15 * * * *", "2026-11-21T12:14:59Z", "2026-11-21T12:00:00Z", "2026-11-21T12:15:00Z")]
    [InlineData("0 */15 * * * *", "2026-11-21T12:15:00Z", "2026-11-21T12:15:00Z", "2026-11-21T12:30:00Z")]
    [InlineData("*/15 * * * *", "2026-11-21T12:14:59Z", "2026-11-21T12:00:00Z", "2026-11-21T12:15:00Z")]
    [InlineData("* * * * * *", "2026-11-21T12:14:59.5Z", "2026-11-21T12:14:59Z", "2026-11-21T12:15:00Z")]
    [InlineData("0 0 */6 * * *", "2026-11-21T05:00:00Z", "2026-11-21T00:00:00Z", "2026-11-21T06:00:00Z")]
    [InlineData("0 0 0 1 1 *", "2026-11-21T12:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")]
    [InlineData("0 0 0 29 2 *", "2026-11-21T12:00:00Z", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z")]
    public void A_schedule_knows_when_it_came_last_and_when_it_comes_next(string expression, string now, string last, string next)
    {
        var schedule = Schedule.TryParse(expression)!;

        Assert.Equal((Moment(last), Moment(next)), (schedule.Last(Moment(now)), schedule.Next(Moment(now))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("every day")]
    [InlineData("61 * * * * *")]
    [InlineData("0 0 0 30 2 *")]
    [InlineData("00:15:00")]
    public void What_is_no_schedule_or_never_comes_is_none(string expression) => Assert.Null(Schedule.TryParse(expression));

    private static DateTimeOffset Moment(string text) => DateTimeOffset.Parse(text, null);
}
