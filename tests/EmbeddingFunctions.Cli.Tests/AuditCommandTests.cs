namespace EmbeddingFunctions.Cli.Tests;

public sealed class AuditCommandTests : ProgramTest
{
    [Fact]
    public async Task An_audit_says_what_it_found_asks_before_it_repairs_and_then_finds_nothing()
    {
        await Workspace.Items(await Workspace.Repository(), 20);
        (await Program.Run("backfill", "workspace")).Exits(0);
        (await Program.Run("audit", "workspace")).Exits(0);
        await Database.Execute("UPDATE issues SET embedding_model = NULL WHERE title = 'item 3'");

        var found = (await Program.Run("audit", "workspace")).Exits(3);
        Assert.Contains("1 issue: nothing says which model the vector is of", found.Out, StringComparison.Ordinal);
        (await Program.Run("audit", "workspace", "--repair")).Exits(2).Says("Add --yes to repair what was found.");
        (await Program.Run("audit", "workspace")).Exits(3);

        (await Program.Run("audit", "workspace", "--repair", "--yes")).Exits(0);
        (await Program.Run("audit", "workspace")).Exits(0);
        (await Program.Run("backfill", "workspace")).Exits(0);

        var sampled = (await Program.Run("audit", "workspace", "--sample", "5")).Exits(0);
        Assert.Contains("issue: 5 rows embedded again, cosine to the stored vectors 1.0000 at", sampled.Out, StringComparison.Ordinal);
    }
}
