using System.Diagnostics;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings serve</c> and a corpus that declares triggers: edits are embedded without a tick of the schedule.</summary>
public sealed class WakeTests : WakeTest
{
    private const string Listening = "Edits of workspace wake this host.";

    [Fact]
    public async Task An_insert_and_an_edit_are_embedded_within_seconds()
    {
        await Migrate();
        await using var server = await Listener();

        var issue = await Workspace.Item(Repository, "first");
        await Waiting.Until(async () => await Workspace.Embedded() == 1 && await NoneIsOpen());
        await Edit(issue, "title = 'edited'");
        await Waiting.Until(async () => await IsFresh(issue));

        await AssertWhole();
        Assert.Equal((2L, 2L), await Jobs());
        Assert.Equal(2, Fake.PaidInputCount);
        server.Process.Signal(Running.SigTerm);
        (await server.Process.Ended()).Exits(0);
    }

    [Fact]
    public async Task A_change_of_a_column_that_is_in_no_text_starts_no_run()
    {
        await Migrate();
        var issue = await Workspace.Item(Repository, "first");
        await using var server = await Listener();
        await Waiting.Until(async () => await Workspace.Embedded() == 1 && await NoneIsOpen());

        // The last is heard after the others, so that these were looked at when it is embedded.
        await Database.Execute("UPDATE issues SET created_at = now(), title = title");
        var second = await Workspace.Item(Repository, "second");
        await Waiting.Until(async () => await IsFresh(second));

        Assert.Equal((2L, 2L), await Jobs());
        Assert.Equal(1L, await Database.Ask<long>("SELECT max(items_total)::bigint FROM embedding.jobs"));
        Assert.True(await IsFresh(issue));
    }

    [Fact]
    public async Task What_is_edited_while_the_listener_s_connection_is_broken_is_embedded_and_what_comes_later_too()
    {
        await Migrate();
        var issue = await Workspace.Item(Repository, "first");
        await using var server = await Listener();
        await Waiting.Until(async () => await Workspace.Embedded() == 1);

        foreach (var title in new[] { "second", "third" })
        {
            Assert.Equal(
                1L,
                await Database.Ask<long>(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND "
                        + "application_name LIKE '%listener'"));
            await Edit(issue, $"title = '{title}'");
            await Waiting.Until(async () => await IsFresh(issue));
            await Waiting.Until(async () => await Listeners() == 1);
        }

        await AssertWhole();
    }

    [Fact]
    public async Task Two_hosts_that_are_woken_begin_one_run()
    {
        await Migrate();
        await using var one = await Listener();
        await using var two = await Listener();

        for (var items = 10; items <= 30; items += 10)
        {
            await Workspace.Items(Repository, 10);
            await Waiting.Until(async () => await Workspace.Embedded() == items && await NoneIsOpen());
            Assert.Equal((items / 10, items / 10), await Jobs());
        }

        Assert.Equal(0L, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task While_it_is_not_enabled_no_host_listens_and_nothing_is_begun()
    {
        await Migrate();
        await using var server = await Server.Start(Program.Set("EMBEDDING_ENABLED", "false"));
        await server.Process.Says("EMBEDDING_ENABLED is false");
        await Workspace.Item(Repository, "first");

        await Quiet(server);
        Assert.Equal(0, Fake.RequestCount);
    }

    [Fact]
    public async Task Without_a_trigger_declared_no_host_listens_and_nothing_is_begun()
    {
        Repository = await Workspace.Repository();
        await AsIfServed();
        await using var server = await Server.Start(Program);
        await Workspace.Item(Repository, "first");

        await Quiet(server);
    }

    [Fact]
    public async Task An_edit_during_a_run_is_not_lost()
    {
        await Migrate();
        await using var server = await Listener();
        using var held = Fake.Hold();
        var issue = await Workspace.Item(Repository, "first");
        await held.WaitForHeldAsync(1);

        await Edit(issue, "title = 'edited during the call'");
        held.Release();

        await Waiting.Until(async () => await IsFresh(issue));
        await Waiting.Until(NoneIsOpen);
        await AssertWhole();
    }

    [Fact]
    public async Task A_provider_that_refuses_all_is_asked_once_however_many_edits_there_are()
    {
        await Migrate();
        using var refusal = Fake.Script(Requests.All, Fault.BadKey());
        await using var server = await Listener();
        for (var edit = 0; edit < 20; edit++)
        {
            await Workspace.Item(Repository, $"item {edit}");
            await Task.Delay(100);
        }

        await Waiting.Until(async () => await Jobs() is (1, 1) && await NoneIsOpen());
        Assert.Equal(
            ("failed", 1), (await Database.Ask<string>("SELECT status FROM embedding.jobs WHERE due_at IS NULL"), Fake.RequestCount));
    }

    [Fact]
    public async Task A_thousand_edits_in_ten_seconds_are_few_runs_and_nothing_is_left()
    {
        await Migrate();
        await Workspace.Items(Repository, 1_000);
        await using var server = await Listener();
        await Waiting.Until(async () => await Workspace.Embedded() == 1_000 && await NoneIsOpen());
        var before = (await Jobs()).All;

        var watch = Stopwatch.StartNew();
        await Database.Execute(
            """
            DO $$ DECLARE issue text; BEGIN
                FOR issue IN SELECT id FROM issues LOOP
                    UPDATE issues SET title = title || ' edited', updated_at = clock_timestamp() WHERE id = issue;
                    COMMIT;
                    PERFORM pg_sleep(0.01);
                END LOOP;
            END $$
            """);
        await Waiting.Until(async () => await Workspace.Pending() == 0 && await NoneIsOpen());
        await AssertWhole();
        // Five at once, then one every twelve seconds, and one may wait its turn.
        Assert.InRange((await Jobs()).All - before, 1, 6 + (long)(watch.Elapsed.TotalSeconds / 12));
    }

    private async Task<Server> Listener()
    {
        var server = await Server.Start(Program);
        await server.Process.Says(Listening);
        return server;
    }

    // Its first tick is over when it answers, and what would be looked at by then has been.
    private async Task Quiet(Server server)
    {
        await server.Get("/api/embeddings/status");
        await Task.Delay(TimeSpan.FromSeconds(2));
        Assert.Equal((0L, 0L), await Jobs());
        Assert.Equal(0, await Listeners());
        Assert.Equal(0, await Workspace.Embedded());
    }

    private Task Edit(string issue, string set) => Database.Execute($"UPDATE issues SET {set} WHERE id = $1", issue);

    private async Task<bool> IsFresh(string issue) =>
        await Database.Ask<bool>("SELECT embedding IS NOT NULL AND embedding_rule NOT LIKE '@%' FROM issues WHERE id = $1", issue);
}
