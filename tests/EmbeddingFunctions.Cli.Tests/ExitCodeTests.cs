using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>More of 2 in <see cref="UsageTests"/> and <see cref="SettingsTests"/>.</summary>
public sealed class ExitCodeTests : ProgramTest
{
    [Fact]
    public async Task Done_and_nothing_to_do_are_0()
    {
        await Workspace.Items(await Workspace.Repository(), 3);
        var done = (await Program.Run("backfill", "workspace")).Exits(0);
        Assert.Contains(
            "=== Backfill Summary ===\nResult:             Done\nTotal:              3 items\n", done.Out, StringComparison.Ordinal);
        var nothing = (await Program.Run("backfill", "workspace")).Exits(0);
        Assert.Contains("Result:             Nothing to do", nothing.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_failed_is_1()
    {
        await Workspace.Items(await Workspace.Repository(), 3);
        Fake.Script(Requests.All, Fault.ModelGone());
        (await Program.Run("backfill", "workspace")).Exits(1).Says("model_not_found").Says("'embeddings doctor'");
    }

    [Fact]
    public async Task A_run_that_finished_with_failed_items_is_3_and_says_where_the_reasons_are()
    {
        var repository = await Workspace.Repository();
        await Workspace.Items(repository, 5);
        await Workspace.Item(repository, "poison");
        Fake.Script(Requests.WithInput(text => text.Contains("poison", StringComparison.Ordinal)), Fault.BadInput());
        (await Program.Run("backfill", "workspace")).Exits(3).Says("1 items failed").Says("embeddings status workspace");
        Assert.Equal(5, await Workspace.Embedded());

        var status = (await Program.Run("status")).Exits(0);
        Assert.Contains("1 issue: the provider answered 400", status.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_import_with_bad_lines_is_3_and_names_them()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllLinesAsync(file,
        [
            """{"kind":"issue","repository":"acme/one","number":1,"key":"1","title":"Good","body":"","updated_at":1700000000}""",
            "not json",
            """{"kind":"wish","repository":"acme/one","key":"2","title":"Bad kind","updated_at":1700000000}""",
        ]);
        var result = (await Program.Run("import", "workspace", file)).Exits(3).Says("line 2:").Says("line 3: the kind 'wish'");
        Assert.Contains("Read 1 items", result.Out, StringComparison.Ordinal);
        File.Delete(file);
    }

    [Fact]
    public async Task A_database_that_is_altered_during_a_run_is_2_and_says_what_to_do()
    {
        await Workspace.Items(await Workspace.Repository(), 60);
        using var hold = Fake.Hold();
        await using var running = Program.Start("backfill", "workspace", "--json");
        await hold.WaitForHeldAsync(1, Running.Patience);
        await Database.Execute("ALTER TABLE embedding.batches RENAME TO gone");
        hold.Release();
        var result = (await running.Ended()).Exits(2).Says("'embeddings doctor'");
        Assert.Contains("embedding.batches", result.Text("error"), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }
}
