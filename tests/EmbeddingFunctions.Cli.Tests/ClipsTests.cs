using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The corpus of clips from an empty database and back.</summary>
public sealed class ClipsTests() : SampleProgramTest("clips")
{
    private protected override Task Prepare() => Clips(5, age: "30 days");

    [Fact]
    public async Task Status_speaks_of_clips_alone_and_of_what_the_schedule_leaves()
    {
        var status = (await Program.Run("status")).Exits(0).Says("Not migrated: workspace, sessions, summaries, documents.");

        Assert.Contains(
            "5 of the pending never had a vector and are too old for the schedule: 'embeddings backfill clips' takes them.", status.Out,
            StringComparison.Ordinal);
        Assert.DoesNotContain("workspace:", status.Out, StringComparison.Ordinal);
        Assert.Contains(
            "ok   other corpora: not migrated, so nothing is done for workspace, sessions, summaries, documents",
            (await Program.Run("doctor")).Exits(0).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_serves_clips_though_no_other_corpus_was_migrated()
    {
        await using var server = await Server.Start(Program);

        Assert.True((await server.Get("/api/embeddings/health")).GetProperty("isHealthy").GetBoolean());
        var status = await server.Get("/api/embeddings/status");
        Assert.Equal(
            ("clips", "workspace"),
            (status.GetProperty("corpora")[0].GetProperty("corpus").GetString(), status.GetProperty("notMigrated")[0].GetString()));
        await server.Ask(new { });
        (await Program.Run("trigger", "clips", "--url", server.Address, "--wait")).Exits(0);
        Assert.Equal(5, await Database.Ask<long>("SELECT count(*) FROM clips WHERE embedding IS NOT NULL"));
    }

    [Fact]
    public async Task C5_a_backfill_in_which_all_items_failed_ends_with_1_and_without_a_banner()
    {
        Fake.Script(Requests.All, Fault.BadInput());

        var result = (await Program.Run("backfill", "clips")).Exits(1);

        Assert.DoesNotContain("success", result.Out + result.Error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Down_asks_first_and_then_takes_all_away_but_the_clips()
    {
        (await Program.Run("backfill", "clips")).Exits(0);

        (await Program.Run("migrate", "clips", "--down")).Exits(2).Says("with 5 vectors").Says("--yes");
        Assert.Equal(5, await Database.Ask<long>("SELECT count(*) FROM clips WHERE embedding IS NOT NULL"));
        Assert.Contains(
            "the tables that all corpora share", (await Program.Run("migrate", "clips", "--down", "--yes")).Exits(0).Out,
            StringComparison.Ordinal);

        Assert.Equal(5, await Database.Ask<long>("SELECT count(*) FROM clips"));
        (await Program.Run("status")).Exits(2)
            .Says("run 'embeddings migrate CORPUS' first, with one of workspace, sessions, summaries, clips, documents.");
        Assert.Contains("nothing to do", (await Program.Run("migrate", "clips", "--down", "--yes")).Exits(0).Out, StringComparison.Ordinal);
    }
}
