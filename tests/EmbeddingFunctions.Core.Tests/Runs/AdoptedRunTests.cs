using Azure.Identity;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Runs whose host ended, or whose engine lost them, and those that adopt them.</summary>
public sealed class AdoptedRunTests : SchedulerTest
{
    [Fact]
    public async Task A_run_that_closes_while_its_engine_is_asked_stays_as_it_closed()
    {
        var run = await Ask(null);
        await Silence();
        var engine = new RecordingEngine
        {
            Knows = new EngineRun("The orchestration ended without closing its job."),
            OnLook = _ => End()
        };

        await Scheduler.AdoptOrphanedRuns(engine, default);

        Assert.Equal("completed", await StatusOf(run!.Id));
    }

    [Fact]
    public async Task A_run_of_a_corpus_that_this_host_does_not_declare_is_left_to_one_that_does()
    {
        var run = await Ask(null);
        await Silence();
        await Database.Execute("UPDATE embedding.jobs SET corpus = 'laws'");
        await Scheduler.AdoptOrphanedRuns(Carrier, default);

        Assert.Single(Carrier.Begun);
        Assert.Equal("pending", await StatusOf(run!.Id));
    }

    [Fact]
    public async Task A_recorded_run_outlives_a_passing_fault_at_its_start()
    {
        var run = await Ask(null);
        await Database.Execute(
            """
            CREATE SEQUENCE faults;
            CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('faults') = 1 THEN RAISE EXCEPTION 'terminating' USING ERRCODE = '57P01'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER fail_once BEFORE INSERT ON embedding.start_slots FOR EACH ROW EXECUTE FUNCTION fail_once();
            """);

        var outcome = await Carry(run!.Id);

        Assert.Equal(RunStatus.Completed, outcome.Status);
    }

    [Fact]
    public void A_token_that_could_not_be_had_passes() =>
        Assert.True(
            WriteFaults.IsTransient(
                new NpgsqlException("Exception while reading the password", new AuthenticationFailedException("timed out"))));

    [Fact]
    public async Task An_event_that_was_not_begun_and_is_never_sent_again_is_begun_by_the_next_tick()
    {
        Carrier.IsAway = true;
        await Assert.ThrowsAsync<TimeoutException>(
            () => Ask("e-1", new RunRequest("workspace", ["issue", "discussion"], Limit: 7, Force: true)));
        Carrier.IsAway = false;
        var log = new LogLines<RunScheduler>();
        await using var host = new TestEngine(
            Database.Source, Fake, services: services => services.AddSingleton<ILogger<RunScheduler>>(log));
        await host.Get<RunScheduler>().AdoptOrphanedRuns(Carrier, default);
        await host.Get<RunScheduler>().AdoptOrphanedRuns(Carrier, default);

        var request = Assert.Single(Carrier.Begun).Request;
        Assert.Equal(
            ("workspace", "discussion,issue", 7, true), (request.Corpus, string.Join(',', request.Kinds), request.Limit, request.Force));
        Assert.Contains("of workspace is adopted", Assert.Single(log.All).Line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_takes_up_only_what_its_kind_of_host_carries()
    {
        await Ask(null);
        await Silence();
        var functions = new RecordingEngine(RunHost.Functions);
        await Scheduler.AdoptOrphanedRuns(functions, default);

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
            Knows = new EngineRun("The orchestration failed: no such method", cancelled)
        };
        await Database.Execute("UPDATE embedding.jobs SET host = 'functions'");

        await Scheduler.AdoptOrphanedRuns(functions, default);

        Assert.Empty(functions.Begun);
        Assert.Equal(
            [status, error],
            Assert.Single(await Database.Rows("SELECT status, error_message FROM embedding.jobs WHERE id = $1", run!.Id)));
    }

    [Fact]
    public async Task A_run_taken_up_keeps_its_limit_and_its_counts()
    {
        await Workspace.Items(await Workspace.Repository(), 60);
        var run = await Ask(null, new RunRequest("workspace", [], Limit: 50));
        var input = new RunInput(run!.Id, new RunRequest("workspace", [], Limit: 50, Concurrency: 1)) { IsRecorded = true };
        using var stopping = new CancellationTokenSource();
        await Engine.Get<InProcessEngine>().Carry(input, progress => StopAfter(progress, stopping), stopping.Token);
        Assert.Equal("processing", await Database.Ask<string>("SELECT status FROM embedding.jobs"));
        var before = await Workspace.Embedded();
        Assert.InRange(before, 20, 40);

        var outcome = await Engine.Get<InProcessEngine>().Carry(input, null, default);

        Assert.Equal((RunStatus.Completed, 50, 50), (outcome.Status, outcome.ItemsTotal, outcome.Counts.Embedded));
        Assert.Equal((50L, 0L), (await Workspace.Embedded(), Fake.DuplicatePaidInputs));
    }

    [Fact]
    public async Task A_recorded_run_that_cannot_be_begun_is_closed_as_failed()
    {
        var run = await Ask(null);
        await Database.Execute("DELETE FROM embedding.rules");
        await using var later = new TestEngine(Database, Fake);

        var outcome = await later.Get<InProcessEngine>()
            .Carry(new RunInput(run!.Id, new RunRequest("workspace", [])) { IsRecorded = true }, null, default);

        Assert.Equal(RunStatus.Failed, outcome.Status);
        Assert.Contains(
            "run 'embeddings migrate workspace' first", await Database.Ask<string>("SELECT error_message FROM embedding.jobs"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_of_a_host_that_a_migration_left_behind_is_left_to_one_that_fits()
    {
        await Workspace.Items(await Workspace.Repository(), 60);
        var run = await Ask(null);
        var input = new RunInput(run!.Id, new RunRequest("workspace", [], Concurrency: 1)) { IsRecorded = true };
        await Database.Execute("UPDATE embedding.rules SET rule = 'newer' || rule");
        await using var old = new TestEngine(Database, Fake);

        var outcome = await old.Get<InProcessEngine>().Carry(input, null, default);

        Assert.True(outcome.IsLeft, $"{outcome.Status} {outcome.Error}");
        Assert.Null(await Database.Ask<string>("SELECT error_message FROM embedding.jobs WHERE completed_at IS NOT NULL"));
        await old.Get<RunScheduler>().AdoptOrphanedRuns(Carrier, default);
        Assert.Single(Carrier.Begun);
        await Database.Execute("UPDATE embedding.rules SET rule = replace(rule, 'newer', '')");
        await Scheduler.AdoptOrphanedRuns(Carrier, default);
        Assert.Equal(2, Carrier.Begun.Count);
        Assert.Equal((RunStatus.Completed, 60), (await Carried(input)));
    }

    [Fact]
    public async Task A_run_in_which_the_database_is_migrated_for_another_version_is_left_with_what_it_did()
    {
        await Workspace.Items(await Workspace.Repository(), 60);
        var run = await Ask(null);
        using var hold = Fake.Hold();
        var carried = Engine.Get<InProcessEngine>()
            .Carry(new RunInput(run!.Id, new RunRequest("workspace", [], Concurrency: 1)) { IsRecorded = true }, null, default);
        await hold.WaitForHeldAsync(1);
        await Database.Execute("UPDATE embedding.rules SET rule = 'newer'; ALTER TABLE issues RENAME COLUMN embedding TO vector");
        hold.Release();

        Assert.True((await carried).IsLeft);
        Assert.Equal("processing", await Database.Ask<string>("SELECT status FROM embedding.jobs"));
    }

    private async Task<(RunStatus, int)> Carried(RunInput input) =>
        await Engine.Get<InProcessEngine>().Carry(input, null, default) is var outcome
            ? (outcome.Status, outcome.Counts.Embedded)
            : default;

    private static void StopAfter(RunProgress progress, CancellationTokenSource stopping)
    {
        if (progress.Counts.Embedded > 0)
        {
            stopping.Cancel();
        }
    }
}
