using EmbeddingFunctions.Core.Tests.Resilience;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What the log says of a database that fails: the beginning and the end, and no text.</summary>
public sealed class DatabaseOutagesTests
{
    private readonly ManualClock _clock = new();
    private readonly LogLines<DatabaseOutages> _log = new();
    private readonly DatabaseOutages _outages;

    public DatabaseOutagesTests() => _outages = new(
        new Redaction(new EmbeddingSettings
        {
            Provider = ProviderChoice.OpenAi,
            ProviderReason = "test",
            ApiKey = "sk-secret-key-of-a-test",
        }), _clock, _log);

    [Fact]
    public void An_outage_that_all_work_meets_is_one_line_when_it_begins_and_one_when_it_ends()
    {
        for (var i = 0; i < 100; i++)
        {
            _outages.Failed(i % 2 == 0 ? "the heartbeat" : "the cache", new NpgsqlException("Failed to connect to 10.0.0.1"));
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        _outages.Answered("the heartbeat");
        _outages.Answered("the cache");

        Assert.Equal(
            [
                (
                    LogLevel.Warning,
                    "The database fails, met by the heartbeat; it is tried again until it answers: Failed to connect to 10.0.0.1"),
                (LogLevel.Information, "The database answers again after 100 s"),
            ],
            _log.All);
    }

    [Fact]
    public void A_database_that_answers_now_and_then_is_reported_every_ten_seconds_at_most()
    {
        for (var i = 0; i < 100; i++)
        {
            _outages.Failed("the heartbeat", new TimeoutException("no connection is free"));
            _outages.Answered("the heartbeat");
            _clock.Advance(TimeSpan.FromMilliseconds(200));
        }

        Assert.Equal(2, _log.Levels.Count(level => level == LogLevel.Warning));
        Assert.Equal(2, _log.Levels.Count(level => level == LogLevel.Information));
    }

    [Fact]
    public void What_the_database_refuses_one_kind_of_work_is_no_outage_of_the_others()
    {
        _outages.Failed("the cache", Refusal("42501", "permission denied for table cache"));
        _outages.Answered("the heartbeat");
        _outages.Failed("the cache", Refusal("42501", "permission denied for table cache"));

        Assert.Equal(
            "The database refuses the cache, and embedding goes on without: permission denied for table cache (42501)",
            Assert.Single(_log.All).Line);
    }

    [Theory]
    [InlineData("40P01")]
    [InlineData("55P03")]
    public void A_lock_that_another_transaction_holds_is_no_outage(string state)
    {
        _outages.Failed("the writing of a batch", Refusal(state, "in the way"));
        _outages.Answered("the writing of a batch");

        Assert.Equal([LogLevel.Debug], _log.Levels);
    }

    [Theory]
    [InlineData("22P02", "invalid input syntax for type integer: \"a text\"", "SQLSTATE 22P02")]
    [InlineData("P0001", "a trigger says: a text", "SQLSTATE P0001")]
    [InlineData("57P03", "the key is sk-secret-key-of-a-test", "the key is [redacted] (57P03)")]
    public void Neither_a_text_nor_a_secret_is_logged(string state, string message, string logged)
    {
        _outages.Failed("the cache", Refusal(state, message));

        Assert.EndsWith(logged, Assert.Single(_log.All).Line, StringComparison.Ordinal);
    }

    private static PostgresException Refusal(string state, string message) => new(message, "ERROR", "ERROR", state);
}
