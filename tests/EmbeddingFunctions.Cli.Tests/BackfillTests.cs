using System.Globalization;
using System.Text;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What the product promises first: all is embedded, nothing is paid for twice, an edit costs one input.</summary>
public sealed class BackfillTests : ProgramTest
{
    private const int Items = 60;

    [Fact]
    public async Task Everything_is_embedded_once_a_second_run_calls_no_provider_and_one_edit_costs_one_input()
    {
        var file = await ItemFile();
        (await Program.Run("import", "workspace", file)).Exits(0);
        var first = (await Backfill()).Exits(0);
        Assert.Equal((Items, Items), (first.Number("total"), first.Number("embedded")));
        Assert.Equal((Items, 0), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        await AssertWhole();

        (await Program.Run("import", "workspace", file)).Exits(0);
        var second = (await Backfill()).Exits(0);
        Assert.Equal((0, 0), (second.Number("embedded"), second.Number("requests")));
        Assert.Equal(Items, Fake.PaidInputCount);

        await Database.Execute("UPDATE issues SET body = 'edited' WHERE title = 'Title 7'");
        var third = (await Backfill()).Exits(0);
        Assert.Equal((1, 1), (third.Number("embedded"), third.Number("requests")));
        Assert.Equal(Items + 1, Fake.PaidInputCount);
        await AssertWhole();
        File.Delete(file);
    }

    [Fact]
    public async Task A_touched_item_whose_text_is_the_same_costs_nothing()
    {
        await Workspace.Items(await Workspace.Repository(), Items);
        (await Backfill()).Exits(0);
        await Database.Execute("UPDATE issues SET updated_at = now() + interval '1 hour'");
        var second = (await Backfill()).Exits(0);
        Assert.Equal((0, Items, 0), (second.Number("embedded"), second.Number("unchanged"), second.Number("requests")));
        Assert.Equal(Items, Fake.PaidInputCount);
    }

    [Fact]
    public async Task Items_that_wait_for_their_next_attempt_are_reported_and_taken_when_asked_to()
    {
        await Workspace.Items(await Workspace.Repository(), Items);
        using (Fake.Script(Requests.All, Fault.BadInput()))
        {
            (await Backfill()).Exits(1);
        }

        await Database.Execute("UPDATE embedding.claims SET retry_at = now() + interval '10 minutes'");

        var second = (await Backfill()).Exits(3).Says($"{Items} items failed earlier and wait for their next attempt, the first until ")
            .Says("--retry-now");
        Assert.Equal((0, 0, Items), (second.Number("total"), second.Number("failed"), second.Number("waiting")));
        Assert.InRange(
            second.Json.GetProperty("waitingUntil").GetDateTimeOffset() - DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1),
            TimeSpan.FromMinutes(11));
        (await Backfill("--kind", "discussion")).Exits(0);
        (await Backfill("--retry-now", "--dry-run")).Exits(2).Says("leave one of them out");

        var third = (await Backfill("--retry-now")).Exits(0).Says($"{Items} items waited for their next attempt and are tried now.");
        Assert.Equal((Items, 0), (third.Number("embedded"), third.Number("waiting")));
        await AssertWhole();
    }

    [Fact]
    public async Task A_repository_outside_every_active_workspace_gets_no_vector()
    {
        var file = await ItemFile();
        (await Program.Run("import", "workspace", file, "--no-workspace")).Exits(0);
        await Workspace.Items(await Workspace.Repository("asleep/one", isActive: false), 20, words: "asleep");
        await Workspace.Items(await Workspace.Repository("acme/active"), 20, words: "active");
        Assert.Equal(20, (await Backfill()).Exits(0).Number("embedded"));
        Assert.Equal(20, await Database.Ask<long>("SELECT count(*) FROM issues WHERE embedding IS NOT NULL AND title LIKE 'active%'"));
        Assert.Equal(20, await Workspace.Embedded());
        Assert.All(Fake.PaidInputs.Keys, text => Assert.StartsWith("[ISSUE] active", text, StringComparison.Ordinal));
        File.Delete(file);
    }

    [Fact]
    public async Task Elsewhere_than_on_a_terminal_progress_is_a_plain_line_now_and_then()
    {
        await Workspace.Items(await Workspace.Repository(), 200);
        using var hold = Fake.Hold(Requests.Where(request => request.Number == 4));
        await using var running = Program.Start("backfill", "workspace");
        await hold.WaitForHeldAsync(1, Running.Patience);
        await Task.Delay(TimeSpan.FromSeconds(3.5));
        hold.Release();
        var result = (await running.Ended()).Exits(0).Says("/200 items (").Says("ETA 00:00:").Says(" tokens, $");
        Assert.DoesNotContain('\u001b', result.Error);
    }

    private static async Task<string> ItemFile()
    {
        var file = Path.GetTempFileName();
        var lines = Enumerable.Range(1, Items).Select(n => string.Create(CultureInfo.InvariantCulture,
            $$"""{"kind":"issue","repository":"acme/{{n % 3}}","number":{{n}},"key":"{{n}}","title":"Title {{n}}","body":"Body {{n}} – ünïcode","updated_at":{{1_700_000_000 + n}}}"""));
        await File.WriteAllLinesAsync(file, lines, Encoding.UTF8);
        return file;
    }
}
