using System.Runtime.CompilerServices;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>24,194 real items, where the file that holds them is beside the repository.</summary>
public sealed class WorkspaceDataTests : ProgramTest
{
    private const int Items = 24_194;

    private protected override FakeOpenAiOptions Options => new() { KeepTexts = false };

    [DataFact]
    public async Task All_real_items_are_embedded_and_a_second_run_sends_nothing()
    {
        Assert.Equal(Items, (await Program.Run("import", "workspace", DataFact.File, "--json")).Exits(0).Number("read"));
        var predicted = (await Backfill("--dry-run", "--concurrency", "16")).Exits(0);
        await using var running = Program.Start("backfill", "workspace", "--json", "--concurrency", "16");
        var first = (await running.Ended(TimeSpan.FromMinutes(4))).Exits(0);
        Assert.Equal((Items, Items, 0), (first.Number("total"), first.Number("embedded"), first.Number("failed")));
        Assert.Equal(Items, predicted.Number("items"));
        Assert.InRange(Fake.PaidInputCount, predicted.Number("inputs") * 99 / 100, Items);
        var billed = first.Number("tokens");
        Assert.InRange(predicted.Number("tokens"), billed * 0.995, billed * 1.005);
        await AssertTrue("issues", "[ISSUE]");
        await AssertTrue("pull_requests", "[PULL_REQUEST]");
        Assert.Equal((0, 0), (await Workspace.Pending(), await Claims()));

        var sent = Fake.RequestCount;
        var second = (await Backfill()).Exits(0);
        Assert.Equal((0, 0, sent), (second.Number("total"), second.Number("requests"), Fake.RequestCount));
        var kinds = (await Program.Run("status", "--json")).Exits(0).Json.GetProperty("corpora")[0].GetProperty("kinds");
        Assert.All(kinds.EnumerateArray(), kind => Assert.Equal(100, kind.GetProperty("coverage").GetDouble()));
    }

    // Unlike the small tests' texts, some of these are longer than the corpus takes.
    private async Task AssertTrue(string table, string label)
    {
        const int MaxCharacters = 2_000;
        var rows = await Database.Rows($"SELECT title, body, embedding::real[] FROM {table}");
        var wrong = rows.Where(row =>
        {
            var text = $"{label} {row[0]} {row[1]}".Trim();
            var cut = text.Length <= MaxCharacters ? text : text[..MaxCharacters].TrimEnd();
            return !FakeVector.Of(cut, "text-embedding-3-small", 384).Zip((float[])row[2]!)
                .All(pair => Math.Abs(pair.First - pair.Second) < 1e-5f);
        });
        Assert.Empty(wrong.Select(row => row[0]));
    }

    private sealed class DataFact : FactAttribute
    {
        public static readonly string File = Find();

        public DataFact() => Skip = System.IO.File.Exists(File) ? null : $"There is no {File}.";

        private static string Find([CallerFilePath] string here = "") =>
            Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "shared", "data", "workspace-items.jsonl.gz"));
    }
}
