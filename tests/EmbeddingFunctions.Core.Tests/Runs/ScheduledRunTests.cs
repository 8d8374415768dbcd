using EmbeddingFunctions.Core.Tests.Resilience;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Runs that are due.</summary>
public sealed class ScheduledRunTests : SchedulerTest
{
    // The last moment of the schedule before the clock begins, at 03:04:05.
    private static readonly DateTimeOffset _hour = new(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);

    private readonly ManualClock _time = new();
    [Fact]
    public async Task A_late_and_a_doubled_tick_start_nothing_twice()
    {
        Assert.Equal("workspace", Assert.Single(await Tick()));
        Assert.Empty(await Tick());
        await End();
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.Empty(await Tick());

        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Single(await Tick());
        Assert.Equal([_hour, _hour.AddMinutes(15)], await Due());
    }

    [Fact]
    public async Task Many_hosts_that_tick_at_once_start_one_run()
    {
        var started = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(Tick)));

        Assert.Equal((1, 1), (started.Sum(corpora => corpora.Count), Carrier.Begun.Count));
    }

    [Fact]
    public async Task A_timer_that_comes_a_little_early_is_on_time()
    {
        // 03:14:58
        _time.Advance(new TimeSpan(0, 10, 53));
        await Tick();

        Assert.Equal(_hour.AddMinutes(15), Assert.Single(await Due()));
    }

    [Fact]
    public async Task While_the_last_scheduled_run_goes_on_no_other_is_started()
    {
        await Tick();
        _time.Advance(TimeSpan.FromHours(3));
        Assert.Empty(await Tick());

        await End();
        Assert.Single(await Tick());
    }

    [Fact]
    public async Task A_corpus_that_the_database_is_not_ready_for_is_reported_and_holds_up_no_other()
    {
        await Database.Execute("DELETE FROM embedding.rules");

        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(Tick);
        Assert.Contains("with one of workspace", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_no_host_has_taken_up_for_an_hour_holds_up_the_schedule_no_longer_and_after_a_week_it_is_over()
    {
        await Tick();
        await Database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '61 minutes', host = 'functions'");
        _time.Advance(TimeSpan.FromMinutes(15));

        Assert.Single(await Tick());
        await Database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '8 days' WHERE host = 'functions'");
        await Tick();
        Assert.Equal("failed", await Database.Ask<string>("SELECT status FROM embedding.jobs ORDER BY due_at LIMIT 1"));
    }

    [Fact]
    public async Task A_host_whose_clock_is_a_year_ahead_starts_what_is_due_by_the_databases_clock()
    {
        var ahead = new ManualClock();
        ahead.Advance(DateTimeOffset.UtcNow.AddYears(1) - ahead.GetUtcNow());
        await using var product = new TestEngine(Database.Source, Fake, time: ahead);

        await product.Get<RunScheduler>().StartDue(Carrier, default);

        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE due_at <= now() + interval '5 seconds'"));
    }

    [Fact]
    public async Task A_moment_that_lies_a_year_ahead_ends_no_schedule_and_is_forgotten()
    {
        await Database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, status, completed_at, due_at, host)
            VALUES (gen_random_uuid(), 'workspace', '{}', 'completed', now(), now() + interval '1 year', 'server')
            """);

        await Engine.Get<RunScheduler>().StartDue(Carrier, default);

        Assert.Single(Carrier.Begun);
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE due_at > now() + interval '1 minute'"));
    }

    private RunScheduler Desk() => new(
        Engine.Get<CorpusSet>(), Engine.Get<ResolvedCorpora>(), Engine.Get<RunTransitions>(), Engine.Get<RunQueries>(),
        Engine.Get<RunJanitor>(), Lifecycle, Engine.Get<TriggeredRuns>(), Engine.Get<ILaneRuns>(), Engine.Get<Pauses>(),
        Engine.Get<EmbeddingSettings>(), new ManualDatabaseClock(_time), Engine.Get<Redaction>(), new LogLines<RunScheduler>());

    private Task<IReadOnlyList<string>> Tick() => Desk().StartDue(Carrier, default);

    private async Task<IEnumerable<DateTimeOffset>> Due() =>
        (await Database.Rows("SELECT due_at FROM embedding.jobs ORDER BY due_at")).Select(row => new DateTimeOffset((DateTime)row[0]!));
}
