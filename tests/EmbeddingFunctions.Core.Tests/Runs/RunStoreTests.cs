using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Runs;

public sealed class RunStoreTests : IAsyncLifetime
{
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;
    private TestWorkspace _workspace = null!;

    private RunStore Runs => _engine.Get<RunStore>();

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _engine = new TestEngine(_database, _fake);
        _workspace = new TestWorkspace(_database);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task Five_runs_start_at_once_and_later_ones_twelve_seconds_apart_none_is_dropped()
    {
        var starts = new List<DateTimeOffset>();
        for (var i = 0; i < 8; i++)
        {
            starts.Add(await StartOfEvent(i));
        }

        Assert.True(starts[4] - starts[0] < TimeSpan.FromSeconds(5), "Five start at once.");
        Assert.InRange((starts[5] - starts[0]).TotalSeconds, 11.9, 12.5);
        Assert.InRange((starts[6] - starts[5]).TotalSeconds, 11.9, 12.1);
        Assert.InRange((starts[7] - starts[6]).TotalSeconds, 11.9, 12.1);
    }

    [Fact]
    public async Task A_run_that_asks_again_has_the_slot_it_had_and_takes_no_other()
    {
        var run = Input();
        var first = await Runs.Start(run, default);
        for (var i = 0; i < 10; i++)
        {
            Assert.InRange(await Runs.Start(run, default) - first, TimeSpan.FromMilliseconds(-500), TimeSpan.FromMilliseconds(500));
        }

        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
        Assert.True(await Runs.Start(Input(), default) - first < TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Runs_that_are_cancelled_before_their_start_give_their_slots_back()
    {
        for (var i = 0; i < 40; i++)
        {
            await StartOfEvent(i);
        }

        await _database.Execute("UPDATE embedding.jobs SET status = 'cancelled', completed_at = now() WHERE starts_at > now()");

        Assert.InRange((await StartOfEvent(40) - DateTimeOffset.UtcNow).TotalSeconds, -10, 20);
    }

    [Fact]
    public async Task Slots_that_are_taken_at_once_are_twelve_seconds_apart_too()
    {
        var starts = (await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Task.Run(() => StartOfEvent(i))))).Order().ToList();

        Assert.All(Enumerable.Range(6, 24), i => Assert.InRange((starts[i] - starts[i - 1]).TotalSeconds, 11, 13));
    }

    [Fact]
    public async Task A_persons_backfill_does_not_wait_behind_events()
    {
        for (var i = 0; i < 10; i++)
        {
            await StartOfEvent(i);
        }

        var asked = DateTimeOffset.UtcNow;
        Assert.InRange((await Runs.Start(Input(), default) - asked).TotalSeconds, -1, 5);
    }

    [Fact]
    public async Task A_slot_of_a_clock_that_was_set_back_is_waited_for_no_longer_than_slots_last()
    {
        var first = await StartOfEvent(0);
        await _database.Execute("UPDATE embedding.start_slots SET arrival = now() + interval '1 year'");
        await _database.Execute("UPDATE embedding.jobs SET starts_at = now() + interval '1 year'");

        Assert.InRange((await StartOfEvent(1) - first).TotalSeconds, 0, 20);
    }

    [Fact]
    public async Task A_lease_a_retry_and_a_pulse_of_a_clock_that_was_set_back_end_when_their_own_time_is_over()
    {
        await _workspace.Item(await _workspace.Repository(), "one");
        await _database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until, retry_at)
            SELECT 'workspace', 'issue', id::text, repository_id::text, gen_random_uuid(), now() + interval '1 year', now() + interval
                '1 year' FROM issues;
            INSERT INTO embedding.jobs (id, corpus, kinds, leased_until) VALUES (gen_random_uuid(), 'workspace', '{}', now() + interval
                '1 year');
            """);

        await Runs.Start(Input(), default);

        Assert.Equal([true, true], Assert.Single(await _database.Rows(
            "SELECT leased_until <= now() + interval '30 seconds', retry_at <= now() + interval '1 hour' FROM embedding.claims")));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE leased_until > now() + interval '1 minute'"));
    }

    [Fact]
    public async Task B5_What_was_processed_is_the_sum_of_the_committed_batches()
    {
        await _workspace.Items(await _workspace.Repository(), 105);
        var outcome = await _engine.Run();
        Assert.Equal((105, 105), (outcome.Counts.Processed, await _database.Ask<int>("SELECT items_processed FROM embedding.jobs")));
        Assert.Equal(105, await _database.Ask<int>("SELECT items_total FROM embedding.jobs"));
    }

    [Fact]
    public async Task A_run_that_embedded_nothing_of_what_was_pending_is_failed_with_the_reason()
    {
        await _workspace.Items(await _workspace.Repository(), 3, words: "poison");
        _fake.Script(Requests.All, Fault.BadInput());
        var outcome = await _engine.Run();
        Assert.Equal((RunStatus.Failed, 3), (outcome.Status, outcome.Counts.Failed));
        Assert.Contains("Nothing was embedded", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("failed", await _database.Ask<string>("SELECT status FROM embedding.jobs"));
    }

    [Fact]
    public async Task A_run_that_took_over_what_another_held_and_embedded_none_of_it_is_failed_too()
    {
        await _workspace.Items(await _workspace.Repository(), 3, words: "poison");
        _fake.Script(Requests.All, Fault.BadInput());
        await _database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until)
            SELECT 'workspace', 'issue', id::text, repository_id::text, gen_random_uuid(), now() + interval '2 seconds' FROM issues
            """);

        var outcome = await _engine.Run();

        Assert.Equal((RunStatus.Failed, 3), (outcome.Status, outcome.Counts.Failed));
    }

    [Fact]
    public async Task A_run_that_another_has_finished_stays_finished_when_the_one_that_lost_it_is_stopped()
    {
        var run = Input();
        await _workspace.Items(await _workspace.Repository(), 3);
        await Runs.Start(run, default);
        var opened = await Runs.Open(run, default);
        await Runs.Close(new CloseRun(run with { Opened = opened }, null, Cancelled: false), default);
        var finished = await _database.Rows("SELECT status, error_message, completed_at FROM embedding.jobs");

        await Runs.Close(new CloseRun(run with { Opened = opened }, null, Cancelled: true), default);

        Assert.Equal(finished, await _database.Rows("SELECT status, error_message, completed_at FROM embedding.jobs"));
    }

    [Fact]
    public async Task A_run_that_another_worker_forestalled_is_completed_with_nothing_done()
    {
        var run = Input();
        await _workspace.Items(await _workspace.Repository(), 3);
        await Runs.Start(run, default);
        var opened = await Runs.Open(run, default);
        await _engine.Run();

        var outcome = await Runs.Close(new CloseRun(run with { Opened = opened }, null, false), default);

        Assert.Equal((3, 0, RunStatus.Completed), (outcome.ItemsTotal, outcome.Counts.Processed, outcome.Status));
    }

    [Fact]
    public async Task A_run_begins_by_clearing_the_similarity_cache_of_what_is_past_its_time()
    {
        await _workspace.Items(await _workspace.Repository(), 2);
        await _engine.Run();
        await _database.Execute(
            "UPDATE similarity_cache SET created_at = now() - interval '169 hours' WHERE item_id = (SELECT min(item_id) FROM "
                + "similarity_cache)");

        await Runs.Start(Input(), default);

        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM similarity_cache"));
    }

    [Fact]
    public async Task M6_a_run_begins_by_dropping_copies_of_rows_that_are_deleted_moved_or_of_a_closed_partition()
    {
        var (open, other) = (await _workspace.Repository(), await _workspace.Repository("acme/two"));
        var closed = await _workspace.Repository("acme/three");
        var stays = await _workspace.Item(open, "stays");
        var deleted = await _workspace.Item(open, "deleted");
        var moved = await _workspace.Item(open, "moved");
        await _workspace.Item(closed, "closed");
        await _engine.Run();
        await _database.Execute("DELETE FROM issues WHERE id::text = $1::text", $"{deleted}");
        await _database.Execute("UPDATE issues SET repository_id = $2::text::uuid WHERE id::text = $1::text", $"{moved}", $"{other}");
        await _database.Execute("DELETE FROM workspace_repositories WHERE repository_id::text = $1::text", $"{closed}");

        await Runs.Start(Input(), default);

        Assert.Equal($"{stays}", await _database.Ask<string>("SELECT string_agg(item_id::text, ',') FROM similarity_cache"));
    }

    [Fact]
    public async Task A_run_begins_by_forgetting_claims_and_failures_of_deleted_rows_and_no_others()
    {
        var repository = await _workspace.Repository();
        var stays = await _workspace.Item(repository, "stays");
        await _database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until, reason)
            SELECT 'workspace', 'issue', id, 'p', token, leased_until, reason
            FROM   (VALUES (gen_random_uuid()::text, gen_random_uuid(), now() - interval '1 second', NULL), (gen_random_uuid()::text, NULL,
                NULL, 'refused'),
                           ($1, gen_random_uuid(), now() - interval '1 second', NULL), ('00000000-0000-0000-0000-000000000001',
                               gen_random_uuid(), now() + interval '1 minute', NULL))
                   AS c (id, token, leased_until, reason)
            """, stays);

        await Runs.Start(Input(), default);

        Assert.Equal(["00000000-0000-0000-0000-000000000001", stays],
            (await _database.Rows("SELECT item_id FROM embedding.claims")).Select(row => (string)row[0]!).Order());
    }

    [Fact]
    public async Task Old_runs_are_forgotten_in_portions_and_with_them_their_batches()
    {
        await _database.Execute(
            """
            INSERT INTO embedding.jobs (id, corpus, kinds, status, completed_at)
            SELECT gen_random_uuid(), 'workspace', '{}', 'completed', now() - interval '91 days' FROM generate_series(1, 5000);
            INSERT INTO embedding.batches (id, run_id, kind, partition, claimed) SELECT gen_random_uuid(), id, 'issue', 'p', 0 FROM
                embedding.jobs;
            CREATE TABLE deletions (rows bigint);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO deletions SELECT count(*) FROM gone; RETURN
                NULL; END $$;
            CREATE TRIGGER note AFTER DELETE ON embedding.jobs REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note();
            """);

        await Runs.Start(Input(), default);

        Assert.Equal(
            (1L, 0L),
            (
                await _database.Ask<long>("SELECT count(*) FROM embedding.jobs"),
                await _database.Ask<long>("SELECT count(*) FROM embedding.batches")));
        Assert.Equal(2_000, await _database.Ask<long>("SELECT max(rows) FROM deletions"));
    }

    [Fact]
    public async Task A_statement_that_takes_too_long_is_not_reported_as_a_database_that_is_away()
    {
        await using var command = _database.Source.CreateCommand("SELECT pg_sleep(5)");
        command.CommandTimeout = 1;
        var slow = await Assert.ThrowsAsync<NpgsqlException>(() => command.ExecuteNonQueryAsync());
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Timeout=2");
        var away = await Assert.ThrowsAnyAsync<Exception>(async () => await nowhere.OpenConnectionAsync());

        Assert.Equal((true, false), (DatabaseFaults.IsTooSlow(slow), DatabaseFaults.IsTooSlow(away)));
    }

    [Fact]
    public async Task A_run_whose_process_fell_silent_is_ended_by_the_next()
    {
        var silent = Input();
        await Runs.Start(silent, default);
        await Runs.Open(silent, default);
        await _database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '1 minute'");
        var other = Input();
        await Runs.Start(other, default);
        Assert.Equal("failed", await _database.Ask<string>("SELECT status FROM embedding.jobs WHERE id = $1", silent.RunId));
        Assert.Equal("pending", await _database.Ask<string>("SELECT status FROM embedding.jobs WHERE id = $1", other.RunId));
    }

    [Fact]
    public async Task An_unknown_kind_or_partition_is_refused_before_anything_runs()
    {
        await _workspace.Repository();
        await Assert.ThrowsAsync<NotFoundException>(
            () => Runs.Start(Input() with { Request = new RunRequest("workspace", ["isue"]) }, default));
        await Assert.ThrowsAsync<InvalidCorpusException>(
            () => Runs.Start(Input() with { Request = new RunRequest("workspace", [], "no such repository") }, default));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
    }

    [Fact]
    public async Task A_stop_lets_what_is_in_flight_and_may_be_paid_be_stored()
    {
        await _workspace.Items(await _workspace.Repository(), 100);
        using var stopping = new CancellationTokenSource();
        using var hold = _fake.Hold();
        var run = _engine.Run(stopping: stopping.Token);
        await hold.WaitForHeldAsync(1);
        await stopping.CancelAsync();
        hold.Release();
        var outcome = await run;
        Assert.Equal(RunStatus.Cancelled, outcome.Status);
        Assert.InRange(outcome.Counts.Embedded, 20, 40);
        Assert.Equal(_fake.PaidInputCount, await _workspace.Embedded());
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.claims"));
    }

    [Fact]
    public async Task A_stop_gives_back_what_does_not_end_in_time_without_charge()
    {
        await _workspace.Items(await _workspace.Repository(), 100);
        using var stopping = new CancellationTokenSource();
        using var hold = _fake.Hold();
        var run = _engine.Run(stopping: stopping.Token);
        await hold.WaitForHeldAsync(1);
        await stopping.CancelAsync();
        var outcome = await run.WaitAsync(TimeSpan.FromSeconds(9));
        Assert.Equal((RunStatus.Cancelled, 0), (outcome.Status, outcome.Counts.Embedded));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.claims"));
    }

    [Fact]
    public async Task A_run_that_cannot_begin_says_why_in_its_own_words()
    {
        await using var empty = await TestDatabase.Empty();
        await using var engine = new TestEngine(empty, _fake);
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => engine.Run());
    }

    [Fact]
    public async Task A_run_that_loses_its_tables_is_failed_with_the_reason()
    {
        await _workspace.Items(await _workspace.Repository(), 60);
        using var hold = _fake.Hold();
        var run = _engine.Run();
        await hold.WaitForHeldAsync(1);
        await _database.Execute("ALTER TABLE issues RENAME TO gone");
        hold.Release();
        var outcome = await run;
        Assert.Equal(RunStatus.Failed, outcome.Status);
        Assert.Contains("issues", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("failed", await _database.Ask<string>("SELECT status FROM embedding.jobs"));
    }

    // A run of its own scope, as an event on a server asks for it.
    private async Task<DateTimeOffset> StartOfEvent(int number)
    {
        var run = new RunInput(Guid.CreateVersion7(), new RunRequest("workspace", [], Limit: number + 1));
        await _database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, kinds, item_limit, host) VALUES ($1, 'workspace', '{}', $2, 'server')", run.RunId,
            number + 1);
        return await Runs.Start(run, default);
    }

    private static RunInput Input() => new(Guid.CreateVersion7(), new RunRequest("workspace", []));
}
