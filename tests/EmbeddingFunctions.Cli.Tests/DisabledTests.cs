namespace EmbeddingFunctions.Cli.Tests;

/// <summary>While <c>EMBEDDING_ENABLED</c> is false nothing is paid, and a request is answered with the reason.</summary>
public sealed class DisabledTests : ProgramTest
{
    private const string Told = "EMBEDDING_ENABLED is false";

    [Fact]
    public async Task A_backfill_is_refused_and_its_prediction_is_not()
    {
        await Workspace.Items(await Workspace.Repository(), 3);
        Program.Set("EMBEDDING_ENABLED", "false");

        (await Program.Run("backfill", "workspace")).Exits(2).Says(Told);
        Assert.Equal(3, (await Program.Run("backfill", "workspace", "--dry-run", "--json")).Exits(0).Number("items"));
        Assert.Contains(Told, (await Program.Run("doctor")).Exits(0).Out, StringComparison.Ordinal);
        Assert.Equal((0, 0L), (Fake.RequestCount, await Workspace.Embedded()));
    }

    [Fact]
    public async Task A_host_starts_nothing_takes_nothing_up_and_refuses_what_is_asked_for_until_it_is_enabled()
    {
        await Workspace.Items(await Workspace.Repository(), 3);
        await Database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, kinds, host, leased_until) VALUES (gen_random_uuid(), 'workspace', '{}', 'server', "
                + "now() - interval '2 minutes')");
        await using (var server = await Server.Start(Program.Set("EMBEDDING_ENABLED", "false")))
        {
            (await Program.Run("trigger", "workspace", "--url", server.Address)).Exits(2).Says(Told);
            Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE status = 'pending'"));
        }

        Assert.Equal(0, Fake.RequestCount);
        await using var enabled = await Server.Start(Program.Set("EMBEDDING_ENABLED", "true"));
        (await Program.Run("trigger", "workspace", "--url", enabled.Address, "--wait")).Exits(0);
        Assert.Equal(3, await Workspace.Embedded());
    }
}
