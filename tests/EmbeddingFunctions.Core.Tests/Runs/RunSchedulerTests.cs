using Azure.Identity;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Runs that are asked for, taken up and cancelled.</summary>
public sealed class RunSchedulerTests : IAsyncLifetime
{
    private readonly RecordingEngine _engine = new();
    private readonly LogLines<RunScheduler> _log = new();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _product = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Migrated();
        _product = new TestEngine(_database, _fake);
    }

    public async Task DisposeAsync()
    {
        await _product.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task The_same_event_from_many_senders_at_once_is_one_run()
    {
        var asked = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Ask("e-1"))));

        Assert.Single(asked.Select(run => run!.Id).Distinct());
        Assert.Single(asked, run => run!.IsNew);
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
    }

    [Fact]
    public async Task An_event_whose_host_died_before_the_run_was_begun_is_begun_when_it_is_sent_again()
    {
        _engine.IsAway = true;
        await Assert.ThrowsAsync<TimeoutException>(() => Ask("e-1"));
        _engine.IsAway = false;

        var again = await Ask("e-1");

        Assert.False(again!.IsNew);
        Assert.Equal(again.Id, Assert.Single(_engine.Begun).RunId);
    }

    [Fact]
    public async Task An_event_sent_again_to_another_host_is_left_to_the_one_that_carries_it()
    {
        await Ask("e-1");
        var other = new RecordingEngine();
        Assert.False((await Desk().Ask(other, new RunRequest("workspace", []), "e-1", default))!.IsNew);

        Assert.Empty(other.Begun);
    }

    [Fact]
    public async Task A_run_that_closes_while_its_engine_is_asked_stays_as_it_closed()
    {
        var run = await Ask(null);
        await Silence();
        var engine = new RecordingEngine
        {
            Knows = new CarriedRun("The orchestration ended without closing its job."),
            OnLook = _ => End()
        };

        await Desk().AdoptOrphanedRuns(engine, default);

        Assert.Equal("completed", await _database.Ask<string>("SELECT status FROM embedding.jobs WHERE id = $1", run!.Id));
    }

    [Fact]
    public async Task A_run_of_a_corpus_that_this_host_does_not_declare_is_left_to_one_that_does()
    {
        var run = await Ask(null);
        await Silence();
        await _database.Execute("UPDATE embedding.jobs SET corpus = 'laws'");
        await Desk().AdoptOrphanedRuns(_engine, default);

        Assert.Single(_engine.Begun);
        Assert.Equal("pending", await _database.Ask<string>("SELECT status FROM embedding.jobs WHERE id = $1", run!.Id));
    }

    [Fact]
    public async Task A_recorded_run_outlives_a_passing_fault_at_its_start()
    {
        var run = await Ask(null);
        await _database.Execute(
            """
            CREATE SEQUENCE faults;
            CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('faults') = 1 THEN RAISE EXCEPTION 'terminating' USING ERRCODE = '57P01'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER fail_once BEFORE INSERT ON embedding.start_slots FOR EACH ROW EXECUTE FUNCTION fail_once();
            """);

        var outcome = await _product.Get<InProcessEngine>()
            .Carry(new RunInput(run!.Id, new RunRequest("workspace", [])) { IsRecorded = true }, null, default);

        Assert.Equal(RunStatus.Completed, outcome.Status);
    }

    [Fact]
    public void A_token_that_could_not_be_had_passes() =>
        Assert.True(
            WriteFaults.IsPassing(
                new NpgsqlException("Exception while reading the password", new AuthenticationFailedException("timed out"))));

    [Fact]
    public async Task An_event_that_was_not_begun_and_is_never_sent_again_is_begun_by_the_next_tick()
    {
        _engine.IsAway = true;
        await Assert.ThrowsAsync<TimeoutException>(
            () => Ask("e-1", new RunRequest("workspace", ["issue", "discussion"], Limit: 7, Force: true)));
        _engine.IsAway = false;
        await Desk().AdoptOrphanedRuns(_engine, default);
        await Desk().AdoptOrphanedRuns(_engine, default);

        var request = Assert.Single(_engine.Begun).Request;
        Assert.Equal(
            ("workspace", "discussion,issue", 7, true), (request.Corpus, string.Join(',', request.Kinds), request.Limit, request.Force));
        Assert.Contains("of workspace is adopted", Assert.Single(_log.All).Line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_takes_up_only_what_its_kind_of_host_carries()
    {
        await Ask(null);
        await Silence();
        var functions = new RecordingEngine(RunHost.Functions);
        await Desk().AdoptOrphanedRuns(functions, default);

        Assert.Empty(functions.Begun);
    }

    [Theory]
    [InlineData(false, "failed", "The orchestration failed: no such method")]
    [InlineData(true, "cancelled", "The orchestration failed: no such method")]
    public async Task A_run_that_its_engine_has_ended_is_closed_and_not_begun_again(bool cancelled, string status, string error)
    {
        var run = await Ask(null);
        await Silence();
        var functions = new RecordingEngine(RunHost.Functions)
        {
            Knows = new CarriedRun("The orchestration failed: no such method", cancelled)
        };
        await _database.Execute("UPDATE embedding.jobs SET host = 'functions'");

        await Desk().AdoptOrphanedRuns(functions, default);

        Assert.Empty(functions.Begun);
        Assert.Equal(
            [status, error],
            Assert.Single(await _database.Rows("SELECT status, error_message FROM embedding.jobs WHERE id = $1", run!.Id)));
    }

    [Fact]
    public async Task A_cancelled_run_claims_nothing_more_on_any_host()
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 30);
        var run = await Ask(null);

        Assert.True(await Desk().Cancel(_engine, run!.Id, default));
        var outcome = await _product.Get<InProcessEngine>()
            .Carry(new RunInput(run.Id, new RunRequest("workspace", [])) { IsRecorded = true }, null, default);

        Assert.Equal((RunStatus.Cancelled, "It was cancelled.", 0), (outcome.Status, outcome.Error, _fake.RequestCount));
        Assert.Equal(run.Id, Assert.Single(_engine.Cancelled));
        Assert.False(await Desk().Cancel(_engine, run.Id, default));
    }

    [Fact]
    public async Task A_forced_event_means_all_again_whatever_an_earlier_one_was_cancelled_in()
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 30);
        var cancelled = await Ask(null, new RunRequest("workspace", [], Limit: 5, Force: true));
        await Desk().Cancel(_engine, cancelled!.Id, default);
        await _product.Run();

        var forced = await Ask(null, new RunRequest("workspace", [], Force: true));
        var outcome = await _product.Get<InProcessEngine>().Carry(
            new RunInput(forced!.Id, new RunRequest("workspace", [], Force: true)) { IsRecorded = true }, null, default);

        Assert.Equal((30, 30, 60L), (outcome.ItemsTotal, outcome.Counts.Embedded, _fake.PaidInputCount));
    }

    [Fact]
    public async Task A_run_taken_up_keeps_its_limit_and_its_counts()
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 60);
        var run = await Ask(null, new RunRequest("workspace", [], Limit: 50));
        var input = new RunInput(run!.Id, new RunRequest("workspace", [], Limit: 50, Concurrency: 1)) { IsRecorded = true };
        using var stopping = new CancellationTokenSource();
        await _product.Get<InProcessEngine>().Carry(input, progress => StopAfter(progress, stopping), stopping.Token);
        Assert.Equal("processing", await _database.Ask<string>("SELECT status FROM embedding.jobs"));
        var before = await workspace.Embedded();
        Assert.InRange(before, 20, 40);

        var outcome = await _product.Get<InProcessEngine>().Carry(input, null, default);

        Assert.Equal((RunStatus.Completed, 50, 50), (outcome.Status, outcome.ItemsTotal, outcome.Counts.Embedded));
        Assert.Equal((50L, 0L), (await workspace.Embedded(), _fake.DuplicatePaidInputs));
    }

    [Fact]
    public async Task A_recorded_run_that_cannot_be_begun_is_closed_as_failed()
    {
        var run = await Ask(null);
        await _database.Execute("DELETE FROM embedding.rules");
        await using var later = new TestEngine(_database, _fake);

        var outcome = await later.Get<InProcessEngine>()
            .Carry(new RunInput(run!.Id, new RunRequest("workspace", [])) { IsRecorded = true }, null, default);

        Assert.Equal(RunStatus.Failed, outcome.Status);
        Assert.Contains(
            "run 'embeddings migrate workspace' first", await _database.Ask<string>("SELECT error_message FROM embedding.jobs"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_whose_work_a_run_takes_that_has_not_started_needs_no_other_run()
    {
        var first = await Ask(null);
        var covered = await Ask("e-2", new RunRequest("workspace", ["issue"], Limit: 5));
        var again = await Ask("e-2", new RunRequest("workspace", ["issue"], Limit: 5));

        Assert.Equal([first!.Id, first.Id], [covered!.Id, again!.Id]);
        Assert.False(covered.IsNew);
        Assert.Null(await Ask("e-2", new RunRequest("workspace", ["issue"], Limit: 6)));
        Assert.Single(_engine.Begun);
    }

    [Fact]
    public async Task An_event_that_wants_more_than_a_waiting_run_takes_has_a_run_of_its_own()
    {
        await Ask(null, new RunRequest("workspace", ["issue"], Limit: 5));
        RunRequest[] more =
        [
            new("workspace", ["issue"], Limit: 6), new("workspace", ["issue"]), new("workspace", ["discussion"], Limit: 5),
            new("workspace", [], Force: true),
        ];
        foreach (var request in more)
        {
            Assert.True((await Ask(null, request))!.IsNew);
        }

        await _database.Execute("UPDATE embedding.jobs SET status = 'processing'");
        Assert.True(
            (await Ask(null, new RunRequest("workspace", ["issue"], Limit: 5)))!.IsNew,
            "A run that has started may have passed by what is new.");
    }

    [Fact]
    public async Task A_burst_of_events_is_a_few_runs_and_holds_few_connections()
    {
        var asked = await Task.WhenAll(Enumerable.Range(0, 600).Select(i => Task.Run(() => Ask(i % 2 == 0 ? null : $"e-{i}"))));

        Assert.Single(asked.Select(run => run!.Id).Distinct());
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
        Assert.InRange(
            await _database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%embedding.run_events%'"),
            0, 4);
    }

    [Fact]
    public async Task When_sixty_runs_wait_the_next_is_refused_until_one_has_started()
    {
        for (var i = 1; i <= RunRequests.MostWaiting; i++)
        {
            await Ask($"e-{i}", new RunRequest("workspace", [], Limit: i));
        }

        var refused = await Assert.ThrowsAsync<TooManyRunsException>(() => Ask("e-99", new RunRequest("workspace", [], Limit: 99)));
        Assert.Equal(TimeSpan.FromSeconds(12), refused.RetryAfter);
        Assert.False((await Ask("e-1", new RunRequest("workspace", [], Limit: 1)))!.IsNew, "What was accepted stays accepted.");
        await _database.Execute("UPDATE embedding.jobs SET status = 'processing' WHERE item_limit = 60");
        Assert.True((await Ask("e-99", new RunRequest("workspace", [], Limit: 99)))!.IsNew);
    }

    [Fact]
    public async Task A_run_of_a_host_that_a_migration_left_behind_is_left_to_one_that_fits()
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 60);
        var run = await Ask(null);
        var input = new RunInput(run!.Id, new RunRequest("workspace", [], Concurrency: 1)) { IsRecorded = true };
        await _database.Execute("UPDATE embedding.rules SET rule = 'newer' || rule");
        await using var old = new TestEngine(_database, _fake);

        var outcome = await old.Get<InProcessEngine>().Carry(input, null, default);

        Assert.True(outcome.IsLeft, $"{outcome.Status} {outcome.Error}");
        Assert.Null(await _database.Ask<string>("SELECT error_message FROM embedding.jobs WHERE completed_at IS NOT NULL"));
        await old.Get<RunScheduler>().AdoptOrphanedRuns(_engine, default);
        Assert.Single(_engine.Begun);
        await _database.Execute("UPDATE embedding.rules SET rule = replace(rule, 'newer', '')");
        await Desk().AdoptOrphanedRuns(_engine, default);
        Assert.Equal(2, _engine.Begun.Count);
        Assert.Equal((RunStatus.Completed, 60), (await Carried(input)));
    }

    [Fact]
    public async Task A_run_in_which_the_database_is_migrated_for_another_version_is_left_with_what_it_did()
    {
        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 60);
        var run = await Ask(null);
        using var hold = _fake.Hold();
        var carried = _product.Get<InProcessEngine>()
            .Carry(new RunInput(run!.Id, new RunRequest("workspace", [], Concurrency: 1)) { IsRecorded = true }, null, default);
        await hold.WaitForHeldAsync(1);
        await _database.Execute("UPDATE embedding.rules SET rule = 'newer'; ALTER TABLE issues RENAME COLUMN embedding TO vector");
        hold.Release();

        Assert.True((await carried).IsLeft);
        Assert.Equal("processing", await _database.Ask<string>("SELECT status FROM embedding.jobs"));
    }

    private async Task<(RunStatus, int)> Carried(RunInput input) =>
        await _product.Get<InProcessEngine>().Carry(input, null, default) is var outcome
            ? (outcome.Status, outcome.Counts.Embedded)
            : default;

    private static void StopAfter(RunProgress progress, CancellationTokenSource stopping)
    {
        if (progress.Counts.Embedded > 0)
        {
            stopping.Cancel();
        }
    }

    private RunScheduler Desk() => new(
        _product.Get<CorpusSet>(), _product.Get<ResolvedCorpora>(), _product.Get<RunRequests>(), _product.Get<RunJanitor>(),
        _product.Get<RunStore>(),
        _product.Get<TriggeredRuns>(), _product.Get<EmbeddingSettings>(), _product.Get<DatabaseClock>(), _product.Get<Redaction>(), _log);

    private Task<RequestedRun?> Ask(string? eventId, RunRequest? request = null) =>
        Desk().Ask(_engine, request ?? new RunRequest("workspace", []), eventId, default);

    private Task End() => _database.Execute("UPDATE embedding.jobs SET status = 'completed', completed_at = now()");

    private Task Silence() => _database.Execute("UPDATE embedding.jobs SET leased_until = now() - interval '1 second'");
}
