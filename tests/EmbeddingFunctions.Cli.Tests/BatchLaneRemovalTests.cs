namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Nothing goes while batches that will be billed are on their way.</summary>
public sealed class BatchLaneRemovalTests : ProgramTest
{
    private const int Items = 40;

    [Fact]
    public async Task Migrate_down_and_uninstall_refuse_until_the_run_is_cancelled()
    {
        await Workspace.Items(await Workspace.Repository(), Items);
        Fake.Batches.Duration = TimeSpan.FromHours(1);
        Program.Set("EMBEDDING_BATCH_API", "true");
        await using (var running = Program.Start("backfill", "workspace", "--lane", "batch"))
        {
            await running.Says("on the provider's batch lane");
            await Interrupt(running, Running.SigInt);
        }

        foreach (string[] command in new[] { ["migrate", "workspace", "--down", "--yes"], new[] { "uninstall", "--yes" } })
        {
            (await Program.Run(command)).Exits(2).Says("with 1 batch on the way at the provider")
                .Says("'embeddings backfill workspace --lane batch --cancel', or wait until it has ended");
        }

        Assert.Equal(
            (1L, Items), (await Database.Ask<long>("SELECT count(*) FROM embedding.lane_batches"), (int)await Workspace.Pending()));
        (await Program.Run("backfill", "workspace", "--lane", "batch", "--cancel")).Exits(0);
        (await Program.Run("migrate", "workspace", "--down", "--yes")).Exits(0);
        (await Program.Run("uninstall", "--yes")).Exits(0);
    }
}
