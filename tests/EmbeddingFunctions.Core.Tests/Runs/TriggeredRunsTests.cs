using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>When a wake is a run, and when it is none.</summary>
public sealed class TriggeredRunsTests : IAsyncLifetime
{
    private readonly RecordingEngine _engine = new();
    private TestDatabase _database = null!;
    private DeclaredCorpus _corpus = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, made_at timestamptz NOT NULL DEFAULT now());
            INSERT INTO notes (id, title) SELECT n, 'title ' || n FROM generate_series(1, 3) n;
            """);
        _corpus = Declared(null);
        await _corpus.Migrate();
    }

    public async Task DisposeAsync()
    {
        await _corpus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task What_is_pending_is_a_run_over_all_of_the_corpus()
    {
        Assert.Equal(TriggerResult.Recorded, await Wake());

        var run = Assert.Single(_engine.Begun);
        Assert.Equal(("notes", 0, null, false), (run.Request.Corpus, run.Request.Kinds.Count, run.Request.Limit, run.Request.IsScheduled));
        Assert.Equal(1, await Jobs("host = 'server' AND due_at IS NULL"));
    }

    [Fact]
    public async Task Many_hosts_that_are_woken_at_once_begin_one_run()
    {
        // Long enough that each has looked before the first has written, unless they take turns.
        await _database.Execute(
            """
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END';
            CREATE TRIGGER slow BEFORE INSERT ON embedding.jobs FOR EACH ROW EXECUTE FUNCTION slow()
            """);

        var woken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(Wake)));

        Assert.Single(woken, came => came == TriggerResult.Recorded);
        Assert.Equal((1, 1L), (_engine.Begun.Count, await Jobs()));
    }

    [Fact]
    public async Task Nothing_pending_is_no_run()
    {
        await _corpus.Run();
        await _database.Execute("UPDATE notes SET title = title");

        Assert.Equal(TriggerResult.Nothing, await Wake());
        Assert.Equal(1, await Jobs());
    }

    [Fact]
    public async Task What_waits_for_its_time_to_be_tried_again_is_no_run()
    {
        await _database.Execute(
            "INSERT INTO embedding.claims (corpus, kind, item_id, partition, retry_at, reason) SELECT 'notes', 'note', id::text, '', "
                + "now() + interval '5 minutes', 'failed' FROM notes");

        Assert.Equal(TriggerResult.Nothing, await Wake());
        await _database.Execute("INSERT INTO notes VALUES (9, 'new')");
        Assert.Equal(TriggerResult.Recorded, await Wake());
    }

    [Fact]
    public async Task What_others_hold_is_looked_at_again()
    {
        await _database.Execute(
            "INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until) SELECT 'notes', 'note', id::text, '', "
                + "gen_random_uuid(), now() + interval '5 minutes' FROM notes");
        Assert.Equal(TriggerResult.Busy, await Wake());

        await _database.Execute("DELETE FROM embedding.claims");
        Assert.Equal(TriggerResult.Recorded, await Wake());
    }

    [Theory]
    [InlineData("kinds = '{}'", false)]
    [InlineData("due_at = now()", false)]
    [InlineData("host = 'command', leased_until = now() - interval '1 minute'", true)]
    [InlineData("item_limit = 10", true)]
    [InlineData("kinds = '{note}'", true)]
    [InlineData("partition = 'one'", true)]
    [InlineData("force_before = now()", true)]
    [InlineData("selection = '{}'", true)]
    [InlineData("corpus = 'others'", true)]
    [InlineData("status = 'completed', completed_at = now()", true)]
    public async Task An_open_run_that_takes_all_is_waited_for_and_no_other(string set, bool isRecorded)
    {
        await Wake();
        await _database.Execute($"UPDATE embedding.jobs SET {set}");

        Assert.Equal(isRecorded ? TriggerResult.Recorded : TriggerResult.Busy, await Wake());
    }

    [Theory]
    [InlineData("status = 'failed', completed_at = now()", false)]
    [InlineData("status = 'cancelled', completed_at = now()", false)]
    [InlineData("status = 'failed', completed_at = now() - interval '61 seconds'", true)]
    [InlineData("status = 'failed', completed_at = now(), items_failed = 1", true)]
    [InlineData("status = 'failed', completed_at = now() + interval '1 year'", true)]
    public async Task After_a_run_that_nothing_came_of_there_is_a_minutes_rest(string set, bool isRecorded)
    {
        await Wake();
        await _database.Execute($"UPDATE embedding.jobs SET {set}");

        Assert.Equal(isRecorded ? TriggerResult.Recorded : TriggerResult.Busy, await Wake());
    }

    [Fact]
    public async Task A_run_that_another_host_began_and_ended_since_this_one_looked_has_taken_it()
    {
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using var othersTurn = await connection.BeginTransactionAsync();
        await using var take = new NpgsqlCommand(
            "SELECT pg_advisory_xact_lock(hashtextextended('embedding wake of notes', 0))", connection);
        await take.ExecuteNonQueryAsync();
        var wake = Wake();
        while (
            await _database.Ask<long>(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
                    + "WHERE datname = current_database())") == 0)
        {
            Assert.False(wake.IsCompleted);
            await Task.Delay(20);
        }

        await _corpus.Run();
        await othersTurn.CommitAsync();

        Assert.Equal(TriggerResult.Busy, await wake);
        Assert.Equal(TriggerResult.Nothing, await Wake());
        Assert.Empty(_engine.Begun);
    }

    [Fact]
    public async Task An_edit_of_an_old_item_is_served_whatever_is_left_to_the_schedule()
    {
        await _corpus.Run();
        await using var scheduled = Declared(new { newerThan = "7 days", limit = 1 });
        await _database.Execute(
            "UPDATE notes SET title = 'edited', made_at = now() - interval '1 year'; INSERT INTO notes VALUES (9, 'old', now() - interval "
                + "'1 year')");
        await _database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, kinds, status, due_at) VALUES (gen_random_uuid(), 'notes', '{}', 'processing', "
                + "now())");

        Assert.Equal(TriggerResult.Recorded, await scheduled.Get<RunScheduler>().Wake(_engine, scheduled.Corpus, default));
        Assert.Equal(4, (await scheduled.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task A_tick_begins_what_is_pending_though_no_moment_has_come()
    {
        Task<IReadOnlyList<string>> Tick() => _corpus.Get<RunScheduler>().StartDue(_engine, default);
        await _database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, kinds, status, due_at, completed_at) VALUES (gen_random_uuid(), 'notes', '{}', "
                + "'completed', now() + interval '50 seconds', now())");

        Assert.Equal(["notes"], await Tick());
        Assert.Empty(await Tick());
        await _database.Execute("UPDATE embedding.jobs SET status = 'completed', completed_at = now()");
        await _corpus.Run();
        Assert.Empty(await Tick());
        Assert.Single(_engine.Begun);
    }

    [Fact]
    public async Task A_run_whose_engine_is_away_is_taken_up_by_the_next_who_looks()
    {
        _engine.IsAway = true;
        await Assert.ThrowsAsync<TimeoutException>(Wake);
        _engine.IsAway = false;

        await _corpus.Get<RunScheduler>().AdoptOrphanedRuns(_engine, default);

        Assert.Equal((1, 1L), (_engine.Begun.Count, await Jobs()));
    }

    private DeclaredCorpus Declared(object? scheduled) => new(_database.Source, new
    {
        name = "notes",
        dimensions = 16,
        trigger = true,
        startsPerMinute = 1_000,
        scheduled,
        tables = new[] { new { kind = "note", table = "notes", text = "{title}", createdAt = "made_at" } },
    });

    private Task<TriggerResult> Wake() => _corpus.Get<RunScheduler>().Wake(_engine, _corpus.Corpus, default);

    private Task<long> Jobs(string condition = "true") => _database.Ask<long>($"SELECT count(*) FROM embedding.jobs WHERE {condition}");
}
