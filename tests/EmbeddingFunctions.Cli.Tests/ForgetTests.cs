namespace EmbeddingFunctions.Cli.Tests;

/// <summary>Erasure of one item, as typed.</summary>
public sealed class ForgetTests() : SampleProgramTest("sessions")
{
    private protected override Task Prepare() =>
        Database.Execute("INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 3) n");

    [Fact]
    public async Task It_says_what_would_go_does_it_with_yes_and_says_what_stays()
    {
        (await Backfill()).Exits(0);
        var id = await Database.Ask<string>("SELECT id::text FROM sessions WHERE title = 'session 2'");

        (await Program.Run("forget", "sessions", $"session:{id}")).Exits(2)
            .Says("This would go, and not come back:\n  - its vector\n  - its row of embedding_queue\n  - cached vectors of its text")
                .Says("Add --yes to do it.");
        Assert.Equal(3, await Database.Ask<long>("SELECT count(title_embedding) FROM sessions"));

        var done = (await Program.Run("forget", "sessions", $"session:{id}", "--yes")).Exits(0);
        Assert.Contains("gets no vector until its text changes", done.Out, StringComparison.Ordinal);
        Assert.Equal(
            (2L, 2L),
            (
                await Database.Ask<long>("SELECT count(title_embedding) FROM sessions"),
                await Database.Ask<long>("SELECT count(*) FROM embedding_queue")));
        (await Backfill()).Exits(0);
        Assert.Equal((2L, 3L), (await Database.Ask<long>("SELECT count(title_embedding) FROM sessions"), Fake.PaidInputCount));

        await Database.Execute("DELETE FROM sessions WHERE id::text = $1", id);
        Assert.False(
            (await Program.Run("forget", "sessions", $"session:{id}", "--yes", "--json")).Exits(0).Json.GetProperty("hasRow").GetBoolean());
    }

    [Fact]
    public async Task An_item_is_named_by_kind_and_id()
    {
        (await Program.Run("forget", "sessions", "42")).Exits(2).Says("An item is a kind, a colon and an id, like issue:42, not '42'.");
        (await Program.Run("forget", "sessions", "clip:42")).Exits(2).Says("has no kind 'clip': it has session");
    }
}
