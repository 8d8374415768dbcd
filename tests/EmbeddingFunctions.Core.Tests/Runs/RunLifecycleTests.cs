using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>How runs begin and end, and what their rows say then.</summary>
public sealed class RunLifecycleTests : RunTest
{
    [Fact]
    public async Task B5_What_was_processed_is_the_sum_of_the_committed_batches()
    {
        await Workspace.Items(await Workspace.Repository(), 105);
        var outcome = await Engine.Run();
        Assert.Equal((105, 105), (outcome.Counts.Processed, await Database.Ask<int>("SELECT items_processed FROM embedding.jobs")));
        Assert.Equal(105, await Database.Ask<int>("SELECT items_total FROM embedding.jobs"));
    }

    [Fact]
    public async Task A_run_that_embedded_nothing_of_what_was_pending_is_failed_with_the_reason()
    {
        await Workspace.Items(await Workspace.Repository(), 3, words: "poison");
        Fake.Script(Requests.All, Fault.BadInput());
        var outcome = await Engine.Run();
        Assert.Equal((RunStatus.Failed, 3), (outcome.Status, outcome.Counts.Failed));
        Assert.Contains("Nothing was embedded", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("failed", await Database.Ask<string>("SELECT status FROM embedding.jobs"));
    }

    [Fact]
    public async Task A_run_that_took_over_what_another_held_and_embedded_none_of_it_is_failed_too()
    {
        await Workspace.Items(await Workspace.Repository(), 3, words: "poison");
        Fake.Script(Requests.All, Fault.BadInput());
        await Database.Execute(
            """
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until)
            SELECT 'workspace', 'issue', id::text, repository_id::text, gen_random_uuid(), now() + interval '2 seconds' FROM issues
            """);

        var outcome = await Engine.Run();

        Assert.Equal((RunStatus.Failed, 3), (outcome.Status, outcome.Counts.Failed));
    }

    [Fact]
    public async Task A_run_that_another_has_finished_stays_finished_when_the_one_that_lost_it_is_stopped()
    {
        var run = Input();
        await Workspace.Items(await Workspace.Repository(), 3);
        await Lifecycle.Start(run, default);
        var opened = await Lifecycle.Open(run, default);
        await Lifecycle.Close(new CloseRun(run with { Opened = opened }, null, Cancelled: false), default);
        var finished = await Database.Rows("SELECT status, error_message, completed_at FROM embedding.jobs");

        await Lifecycle.Close(new CloseRun(run with { Opened = opened }, null, Cancelled: true), default);

        Assert.Equal(finished, await Database.Rows("SELECT status, error_message, completed_at FROM embedding.jobs"));
    }

    [Fact]
    public async Task A_run_that_another_worker_forestalled_is_completed_with_nothing_done()
    {
        var run = Input();
        await Workspace.Items(await Workspace.Repository(), 3);
        await Lifecycle.Start(run, default);
        var opened = await Lifecycle.Open(run, default);
        await Engine.Run();

        var outcome = await Lifecycle.Close(new CloseRun(run with { Opened = opened }, null, false), default);

        Assert.Equal((3, 0, RunStatus.Completed), (outcome.ItemsTotal, outcome.Counts.Processed, outcome.Status));
    }

    [Fact]
    public async Task A_run_that_another_worker_forestalled_is_not_failed_for_what_came_after()
    {
        var (run, repository) = (Input(), await Workspace.Repository());
        await Workspace.Items(repository, 3);
        await Lifecycle.Start(run, default);
        var opened = await Lifecycle.Open(run, default);
        await Engine.Run();
        await Workspace.Items(repository, 2);

        var outcome = await Lifecycle.Close(new CloseRun(run with { Opened = opened }, null, false), default);

        Assert.Equal((RunStatus.Completed, null), (outcome.Status, outcome.Error));
    }

    [Fact]
    public async Task A_run_that_did_nothing_and_was_not_forestalled_is_failed()
    {
        var (run, repository) = (Input(), await Workspace.Repository());
        await Workspace.Items(repository, 3);
        await Engine.Run();
        await Workspace.Items(repository, 2);
        await Lifecycle.Start(run, default);
        var opened = await Lifecycle.Open(run, default);

        var outcome = await Lifecycle.Close(new CloseRun(run with { Opened = opened }, null, false), default);

        Assert.Equal(
            (RunStatus.Failed, "Nothing was embedded although 2 items are pending."), (outcome.Status, outcome.Error));
    }

    [Fact]
    public async Task A_statement_that_takes_too_long_is_not_reported_as_a_database_that_is_away()
    {
        await using var command = Database.Source.CreateCommand("SELECT pg_sleep(5)");
        command.CommandTimeout = 1;
        var slow = await Assert.ThrowsAsync<NpgsqlException>(() => command.ExecuteNonQueryAsync());
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Timeout=2");
        var away = await Assert.ThrowsAnyAsync<Exception>(async () => await nowhere.OpenConnectionAsync());

        Assert.Equal((true, false), (DatabaseFaults.IsTooSlow(slow), DatabaseFaults.IsTooSlow(away)));
    }

    [Fact]
    public async Task An_unknown_kind_or_partition_is_refused_before_anything_runs()
    {
        await Workspace.Repository();
        await Assert.ThrowsAsync<NotFoundException>(
            () => Lifecycle.Start(Input(new RunRequest("workspace", ["isue"])), default));
        await Assert.ThrowsAsync<InvalidCorpusException>(
            () => Lifecycle.Start(Input(new RunRequest("workspace", [], "no such repository")), default));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
    }

    [Fact]
    public async Task A_stop_lets_what_is_in_flight_and_may_be_paid_be_stored()
    {
        await Workspace.Items(await Workspace.Repository(), 100);
        using var stopping = new CancellationTokenSource();
        using var hold = Fake.Hold();
        var run = Engine.Run(stopping: stopping.Token);
        await hold.WaitForHeldAsync(1);
        await stopping.CancelAsync();
        hold.Release();
        var outcome = await run;
        Assert.Equal(RunStatus.Cancelled, outcome.Status);
        Assert.InRange(outcome.Counts.Embedded, 20, 40);
        Assert.Equal(Fake.PaidInputCount, await Workspace.Embedded());
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.claims"));
    }

    [Fact]
    public async Task A_stop_gives_back_what_does_not_end_in_time_without_charge()
    {
        await Workspace.Items(await Workspace.Repository(), 100);
        using var stopping = new CancellationTokenSource();
        using var hold = Fake.Hold();
        var run = Engine.Run(stopping: stopping.Token);
        await hold.WaitForHeldAsync(1);
        await stopping.CancelAsync();
        var outcome = await run.WaitAsync(TimeSpan.FromSeconds(9));
        Assert.Equal((RunStatus.Cancelled, 0), (outcome.Status, outcome.Counts.Embedded));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.claims"));
    }

    [Fact]
    public async Task A_run_that_cannot_begin_says_why_in_its_own_words()
    {
        await using var empty = await TestDatabase.Empty();
        await using var engine = new TestEngine(empty, Fake);
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => engine.Run());
    }

    [Fact]
    public async Task A_run_that_loses_its_tables_is_failed_with_the_reason()
    {
        await Workspace.Items(await Workspace.Repository(), 60);
        using var hold = Fake.Hold();
        var run = Engine.Run();
        await hold.WaitForHeldAsync(1);
        await Database.Execute("ALTER TABLE issues RENAME TO gone");
        hold.Release();
        var outcome = await run;
        Assert.Equal(RunStatus.Failed, outcome.Status);
        Assert.Contains("issues", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("failed", await Database.Ask<string>("SELECT status FROM embedding.jobs"));
    }
}
