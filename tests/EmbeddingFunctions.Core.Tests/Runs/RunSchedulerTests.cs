using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Runs that are requested and cancelled.</summary>
public sealed class RunSchedulerTests : SchedulerTest
{
    [Fact]
    public async Task The_same_event_from_many_senders_at_once_is_one_run()
    {
        var asked = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Ask("e-1"))));

        Assert.Single(asked.Select(run => run!.Id).Distinct());
        Assert.Single(asked, run => run!.IsNew);
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
    }

    [Fact]
    public async Task An_event_whose_host_died_before_the_run_was_begun_is_begun_when_it_is_sent_again()
    {
        Carrier.IsAway = true;
        await Assert.ThrowsAsync<TimeoutException>(() => Ask("e-1"));
        Carrier.IsAway = false;

        var again = await Ask("e-1");

        Assert.False(again!.IsNew);
        Assert.Equal(again.Id, Assert.Single(Carrier.Begun).RunId);
    }

    [Fact]
    public async Task An_event_sent_again_to_another_host_is_left_to_the_one_that_carries_it()
    {
        await Ask("e-1");
        var other = new RecordingEngine();
        Assert.False((await Scheduler.Ask(other, new RunRequest("workspace", []), "e-1", default))!.IsNew);

        Assert.Empty(other.Begun);
    }

    [Fact]
    public async Task A_cancelled_run_claims_nothing_more_on_any_host()
    {
        await Workspace.Items(await Workspace.Repository(), 30);
        var run = await Ask(null);

        Assert.True(await Scheduler.Cancel(Carrier, run!.Id, default));
        var outcome = await Carry(run.Id);

        Assert.Equal((RunStatus.Cancelled, "It was cancelled.", 0), (outcome.Status, outcome.Error, Fake.RequestCount));
        Assert.Equal(run.Id, Assert.Single(Carrier.Cancelled));
        Assert.False(await Scheduler.Cancel(Carrier, run.Id, default));
    }

    [Fact]
    public async Task A_forced_event_means_all_again_whatever_an_earlier_one_was_cancelled_in()
    {
        await Workspace.Items(await Workspace.Repository(), 30);
        var cancelled = await Ask(null, new RunRequest("workspace", [], Limit: 5, Force: true));
        await Scheduler.Cancel(Carrier, cancelled!.Id, default);
        await Engine.Run();

        var forced = await Ask(null, new RunRequest("workspace", [], Force: true));
        var outcome = await Engine.Get<InProcessEngine>().Carry(
            new RunInput(forced!.Id, new RunRequest("workspace", [], Force: true)) { IsRecorded = true }, null, default);

        Assert.Equal((30, 30, 60L), (outcome.ItemsTotal, outcome.Counts.Embedded, Fake.PaidInputCount));
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
        Assert.Single(Carrier.Begun);
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

        await Database.Execute("UPDATE embedding.jobs SET status = 'processing'");
        Assert.True(
            (await Ask(null, new RunRequest("workspace", ["issue"], Limit: 5)))!.IsNew,
            "A run that has started may have passed by what is new.");
    }

    [Fact]
    public async Task An_event_with_a_cap_has_a_run_of_its_own_that_no_other_event_joins_and_whoever_adopts_it_keeps_the_cap()
    {
        var capped = new RunRequest("workspace", []) { MaxDollars = 2.5m };
        await Ask(null);
        var own = await Ask("e-1", capped);
        await Database.Execute("UPDATE embedding.jobs SET status = 'processing' WHERE id <> $1", own!.Id);

        Assert.True(own.IsNew);
        Assert.Equal(2.5m, await Database.Ask<decimal>("SELECT max_dollars FROM embedding.run_caps WHERE run_id = $1", own.Id));
        Assert.True((await Ask(null))!.IsNew);
        Assert.Equal(own.Id, (await Ask("e-1", capped))!.Id);
        Assert.Null(await Ask("e-1", capped with { MaxDollars = 3 }));
        Assert.Null(await Ask("e-1"));
        await Silence();
        var adopted = await Engine.Get<RunTransitions>().Adopt(RunHost.Server, ["workspace"], own.Id, default);
        Assert.Equal(2.5m, Assert.Single(adopted).Request.MaxDollars);
    }

    [Fact]
    public async Task A_burst_of_events_is_a_few_runs_and_holds_few_connections()
    {
        var asked = await Task.WhenAll(Enumerable.Range(0, 600).Select(i => Task.Run(() => Ask(i % 2 == 0 ? null : $"e-{i}"))));

        Assert.Single(asked.Select(run => run!.Id).Distinct());
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs"));
        Assert.InRange(
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%embedding.run_events%'"),
            0, 4);
    }

    [Fact]
    public async Task When_sixty_runs_wait_the_next_is_refused_until_one_has_started()
    {
        for (var i = 1; i <= RunTransitions.MostWaiting; i++)
        {
            await Ask($"e-{i}", new RunRequest("workspace", [], Limit: i));
        }

        var refused = await Assert.ThrowsAsync<TooManyRunsException>(() => Ask("e-99", new RunRequest("workspace", [], Limit: 99)));
        Assert.Equal(TimeSpan.FromSeconds(12), refused.RetryAfter);
        Assert.False((await Ask("e-1", new RunRequest("workspace", [], Limit: 1)))!.IsNew, "What was accepted stays accepted.");
        await Database.Execute("UPDATE embedding.jobs SET status = 'processing' WHERE item_limit = 60");
        Assert.True((await Ask("e-99", new RunRequest("workspace", [], Limit: 99)))!.IsNew);
    }
}
