using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings serve</c> where no notification can be heard: it looks instead.</summary>
public sealed class WakePollingTests : WakeTest
{
    private const string Polling = "This connection brings no notifications: edits of workspace are looked for every 10 seconds.";

    [Fact]
    public async Task Behind_what_swallows_notifications_it_looks_every_ten_seconds()
    {
        await Migrate();
        using var pooler = new FakePooler(Database.ConnectionString);
        await using var server = await Server.Start(Program.Set("DATABASE_URL", pooler.ConnectionString));
        await server.Process.Says(Polling);

        await Workspace.Item(Repository, "first");
        await Waiting.Until(async () => await Workspace.Embedded() == 1 && await NoneIsOpen());
        await Workspace.Item(Repository, "second");
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

        await Workspace.Item(Repository, "first");
        await Waiting.Until(async () => await Workspace.Embedded() == 1);

        Assert.InRange(
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'one%'"),
            0, 1);
    }
}
