using System.Text.Json;

namespace EmbeddingFunctions.Cli.Tests;

public sealed class DryRunTests : ProgramTest
{
    [Fact]
    public async Task A_dry_run_makes_no_call_and_writes_nothing()
    {
        await Fill();
        var before = await Dump();
        var result = (await Program.Run("backfill", "workspace", "--dry-run")).Exits(0);
        Assert.Contains("no provider was called, nothing was written", result.Out, StringComparison.Ordinal);
        Assert.Equal((0, 0), (Fake.ConnectionCount, Fake.RequestCount));
        Assert.Equal(before, await Dump());
    }

    [Theory]
    [InlineData]
    [InlineData("--kind", "pull_request")]
    [InlineData("--batch-size", "7")]
    public async Task Its_prediction_is_what_the_run_then_does(params string[] options)
    {
        await Fill();
        var predicted = (await Backfill([.. options, "--dry-run"])).Exits(0);
        // Batches that claim at the same moment may leave each other less than a batch: then a few requests more carry the same inputs.
        var done = (await Backfill([.. options, "--concurrency", "1"])).Exits(0);
        Assert.Equal(done.Number("total"), predicted.Number("items"));
        Assert.Equal(Fake.RequestCount, predicted.Number("requests"));
        Assert.Equal(Fake.PaidInputCount, predicted.Number("inputs"));
        Assert.Equal(done.Number("tokens"), predicted.Number("tokens"));
        Assert.True(predicted.Json.GetProperty("areTokensExact").GetBoolean());
        Assert.True(predicted.Json.GetProperty("dollars").GetDecimal() > 0);
    }

    [Fact]
    public async Task A_forced_dry_run_counts_what_is_fresh_too_and_a_plain_one_does_not()
    {
        await Fill();
        (await Backfill()).Exits(0);
        Assert.Equal(0, (await Backfill("--dry-run")).Exits(0).Number("items"));
        Assert.Equal(75, (await Backfill("--dry-run", "--force")).Exits(0).Number("items"));
    }

    [Fact]
    public async Task Minutes_of_a_model_on_this_machine_are_unknown()
    {
        await Fill();
        Program.Set("EMBEDDING_PROVIDER", "lexical");
        (await Program.Run("migrate", "workspace", "--yes")).Exits(0);

        Assert.Equal(JsonValueKind.Null, (await Backfill("--dry-run")).Exits(0).Json.GetProperty("minutes").ValueKind);
        (await Program.Run("backfill", "workspace", "--dry-run")).Exits(0);
    }

    [Fact]
    public async Task Minutes_are_those_of_the_configured_limits()
    {
        await Workspace.Items(await Workspace.Repository(), 100);
        Program.Set("EMBEDDING_REQUESTS_PER_MINUTE", "2");
        Assert.Equal(2.5, (await Backfill("--dry-run")).Exits(0).Json.GetProperty("minutes").GetDouble());
    }

    // Batches that are not full, two repositories, and a text that is there ten times.
    private async Task Fill()
    {
        var (one, two) = (await Workspace.Repository("acme/one"), await Workspace.Repository("acme/two"));
        await Workspace.Items(one, 25);
        await Workspace.Items(two, 25, words: "other");
        await Workspace.Items(two, 15, "pull_requests");
        for (var i = 0; i < 10; i++)
        {
            await Workspace.Item(one, "the same", "in all of them", "pull_requests");
        }
    }

    private async Task<string> Dump()
    {
        var tables = await Database.Rows(
            """
            SELECT table_schema || '.' || table_name FROM information_schema.tables
            WHERE  table_schema IN ('public', 'embedding') AND table_type = 'BASE TABLE' ORDER BY 1
            """);
        var dump = new List<string>();
        foreach (var table in tables)
        {
            var rows = await Database.Rows($"SELECT t.xmin::text, to_jsonb(t)::text FROM {table[0]} t ORDER BY 2");
            dump.Add($"{table[0]}: {string.Join('\n', rows.Select(row => $"{row[0]} {row[1]}"))}");
        }

        return string.Join('\n', dump);
    }
}
