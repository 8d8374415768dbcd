using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings serve</c> and a corpus that declares triggers: edits are embedded without a tick of the schedule.</summary>
public sealed class WakeTests : ProgramTest, IDisposable
{
    private const string Listening = "Edits of workspace wake this host.";
    private const string Polling = "This connection brings no notifications: edits of workspace are looked for every 10 seconds.";

    // Without a tick the next look would be a quarter of an hour away.
    private readonly TestFolder _folder = new();
    private Guid _repository;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_insert_and_an_edit_are_embedded_within_seconds()
    {
        await Migrate();
        await using var server = await Listener();

        var issue = await Workspace.Item(_repository, "first");
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
        var issue = await Workspace.Item(_repository, "first");
        await using var server = await Listener();
        await Waiting.Until(async () => await Workspace.Embedded() == 1 && await NoneIsOpen());

        // The last is heard after the others, so that these were looked at when it is embedded.
        await Database.Execute("UPDATE issues SET created_at = now(), title = title");
        var second = await Workspace.Item(_repository, "second");
        await Waiting.Until(async () => await IsFresh(second));

        Assert.Equal((2L, 2L), await Jobs());
        Assert.Equal(1L, await Database.Ask<long>("SELECT max(items_total)::bigint FROM embedding_jobs"));
        Assert.True(await IsFresh(issue));
    }

    [Fact]
    public async Task What_is_edited_while_the_listener_s_connection_is_broken_is_embedded_and_what_comes_later_too()
    {
        await Migrate();
        var issue = await Workspace.Item(_repository, "first");
        await using var server = await Listener();
        await Waiting.Until(async () => await Workspace.Embedded() == 1);

        foreach (var title in new[] { "second", "third" })
        {
            Assert.Equal(1L, await Database.Ask<long>("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%listener'"));
            await Edit(issue, $"title = '{title}'");
            await Waiting.Until(async () => await IsFresh(issue));
            await Waiting.Until(async () => await Listeners() == 1);
        }

        await AssertWhole();
    }

    [Fact]
    public async Task Behind_what_swallows_notifications_it_looks_every_ten_seconds()
    {
        await Migrate();
        var settings = new NpgsqlConnectionStringBuilder(Database.ConnectionString);
        using var pooler = new DeafPooler(settings.Host!, settings.Port);
        (settings.Host, settings.Port, settings.SslMode, settings.GssEncryptionMode) = ("127.0.0.1", pooler.Port, SslMode.Disable, GssEncryptionMode.Disable);
        await using var server = await Server.Start(Program.Set("DATABASE_URL", settings.ConnectionString));
        await server.Process.Says(Polling);

        await Workspace.Item(_repository, "first");
        await Waiting.Until(async () => await Workspace.Embedded() == 1 && await NoneIsOpen());
        await Workspace.Item(_repository, "second");
        await Waiting.Until(async () => await Workspace.Embedded() == 2);

        // The proof; it listens no more.
        Assert.Equal(1, pooler.Swallowed);
        Assert.Equal((2L, 2L), await Jobs());
        Assert.Equal(0, await Listeners());
    }

    [Fact]
    public async Task A_pool_of_one_connection_is_not_asked_for_a_second()
    {
        await Migrate();
        var settings = new NpgsqlConnectionStringBuilder(Database.ConnectionString) { MaxPoolSize = 1, ApplicationName = "one" };
        await using var server = await Server.Start(Program.Set("DATABASE_URL", settings.ConnectionString));
        await server.Process.Says(Polling);

        await Workspace.Item(_repository, "first");
        await Waiting.Until(async () => await Workspace.Embedded() == 1);

        Assert.InRange(await Database.Ask<long>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'one%'"), 0, 1);
    }

    [Fact]
    public async Task Two_hosts_that_are_woken_begin_one_run()
    {
        await Migrate();
        await using var one = await Listener();
        await using var two = await Listener();

        for (var items = 10; items <= 30; items += 10)
        {
            await Workspace.Items(_repository, 10);
            await Waiting.Until(async () => await Workspace.Embedded() == items && await NoneIsOpen());
            Assert.Equal((items / 10, items / 10), await Jobs());
        }

        Assert.Equal(0L, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task While_it_is_not_enabled_nobody_listens_and_nothing_is_begun()
    {
        await Migrate();
        await using var server = await Server.Start(Program.Set("EMBEDDING_ENABLED", "false"));
        await server.Process.Says("EMBEDDING_ENABLED is false");
        await Workspace.Item(_repository, "first");

        await Quiet(server);
        Assert.Equal(0, Fake.RequestCount);
    }

    [Fact]
    public async Task Without_a_trigger_declared_nobody_listens_and_nothing_is_begun()
    {
        _repository = await Workspace.Repository();
        await AsIfServed();
        await using var server = await Server.Start(Program);
        await Workspace.Item(_repository, "first");

        await Quiet(server);
    }

    [Fact]
    public async Task An_edit_during_a_run_is_not_lost()
    {
        await Migrate();
        await using var server = await Listener();
        using var held = Fake.Hold();
        var issue = await Workspace.Item(_repository, "first");
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
            await Workspace.Item(_repository, $"item {edit}");
            await Task.Delay(100);
        }

        await Waiting.Until(async () => await Jobs() is (1, 1) && await NoneIsOpen());
        Assert.Equal(("failed", 1), (await Database.Ask<string>("SELECT status FROM embedding_jobs WHERE due_at IS NULL"), Fake.RequestCount));
    }

    [Fact]
    public async Task A_thousand_edits_in_ten_seconds_are_few_runs_and_nothing_is_left()
    {
        await Migrate();
        await Workspace.Items(_repository, 1_000);
        await using var server = await Listener();
        await Waiting.Until(async () => await Workspace.Embedded() == 1_000 && await NoneIsOpen());
        var before = (await Jobs()).All;

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
        // Five at once, then one every twelve seconds.
        Assert.InRange((await Jobs()).All - before, 1, 8);
    }

    // Only edits start runs from here on.
    private async Task Migrate()
    {
        using var shipped = new StreamReader(typeof(Corpora.CorpusFile).Assembly.GetManifestResourceStream("corpora.json")!);
        var path = Path.Combine(_folder.Path, "corpora.json");
        await File.WriteAllTextAsync(path, shipped.ReadToEnd().Replace("\"name\": \"workspace\",", "\"name\": \"workspace\", \"trigger\": true,", StringComparison.Ordinal));
        (await Program.Set("CORPORA_FILE", path).Run("migrate", "workspace")).Exits(0);
        _repository = await Workspace.Repository();
        await AsIfServed();
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
        await Database.Ask<bool>("SELECT embedding IS NOT NULL AND embedding_rule IS NOT NULL FROM issues WHERE id = $1", issue);

    /// <summary>Runs of servers, and of these those that no moment of the schedule began.</summary>
    private async Task<(long All, long Woken)> Jobs()
    {
        var row = Assert.Single(await Database.Rows("SELECT count(*), count(*) FILTER (WHERE due_at IS NULL) FROM embedding_jobs WHERE host = 'server'"));
        return ((long)row[0]!, (long)row[1]!);
    }

    private Task<long> Listeners() => Database.Ask<long>(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%listener'");

    private async Task<bool> NoneIsOpen() => await Database.Ask<long>("SELECT count(*) FROM embedding_jobs WHERE completed_at IS NULL") == 0;
}
