namespace EmbeddingFunctions.Tests.Durable;

/// <summary>Runs whose host is lost, asked to stop, or older than the last migration.</summary>
public sealed class HostChangeTests : DurableTest
{
    [Fact]
    public async Task A_host_that_is_lost_in_mid_run_loses_nothing()
    {
        await Workspace.Items(await Workspace.Repository("acme/one"), 100, words: "one");
        await Workspace.Items(await Workspace.Repository("acme/two"), 100, words: "two");
        Guid run;
        using (Fake.Hold(AfterTheFirst))
        {
            run = await Ask();
            await Fake.WaitForRequestsAsync(4);
            await Host.Restart();
        }

        await Host.End(run);

        Assert.Equal(("completed", null), await Job(run));
        Assert.Equal((200L, 0L), (await Workspace.Embedded(), await Workspace.Pending()));
        Assert.InRange(Fake.DuplicatePaidInputs, 0, 80);
        Assert.Equal(200, await Database.Ask<long>("SELECT sum(embedded) FROM embedding.batches"));
    }

    [Fact]
    public async Task A3_Calls_in_flight_are_waited_for_when_the_host_is_asked_to_stop_and_none_is_sent_again()
    {
        await Workspace.Items(await Workspace.Repository(), 200);
        Guid run;
        Task stopping;
        using (Fake.Hold(AfterTheFirst))
        {
            run = await Ask();
            await Fake.WaitForRequestsAsync(3);
            stopping = Host.RestartGently();
            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        await stopping;
        await Host.End(run);

        Assert.Equal(("completed", null), await Job(run));
        Assert.Equal((200L, 10), (await Workspace.Embedded(), Fake.RequestCount));
    }

    [Fact]
    public async Task M12_a_host_that_a_newer_migration_left_behind_leaves_the_run_s_activities_to_another()
    {
        await Workspace.Items(await Workspace.Repository(), 45);
        await Database.Execute("UPDATE embedding.rules SET rule = rule || ' of a newer program'");
        var run = await Ask();
        await Until(async () => Host.Backend.Activities > 5 || (await Job(run)).Status != "pending");
        // From now on it is as if a host that fits took them.
        await Database.Execute("UPDATE embedding.rules SET rule = replace(rule, ' of a newer program', '')");
        await Host.End(run);

        Assert.Equal(("completed", null), await Job(run));
        Assert.Equal((45L, 1), (await Workspace.Embedded(), Host.Backend.Started));
    }

    [Fact]
    public async Task M12_a_run_that_no_host_fits_fails_with_the_reason_after_ten_minutes()
    {
        await Database.Execute("UPDATE embedding.rules SET rule = rule || ' of a newer program'");

        var run = await Ask();
        await Host.End(run);

        var (status, error) = await Job(run);
        Assert.Equal("failed", status);
        Assert.Contains(
            "The declaration of issue, pull_request, discussion in 'workspace' changed since the database was migrated", error,
            StringComparison.Ordinal);
        Assert.Equal((39, 41), (Host.Backend.Timers.Count, Host.Backend.Activities));
    }
}
