using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The corpus of documents from a file to vectors.</summary>
public sealed class DocumentsTests() : SampleProgramTest("documents"), IDisposable
{
    private readonly TestFolder _folder = new();

    private string File => Path.Combine(_folder.Path, "documents.jsonl");

    public void Dispose() => _folder.Dispose();

    private protected override Task Prepare() => System.IO.File.WriteAllLinesAsync(File, Enumerable.Range(1, 30).Select(n =>
        $$"""{"archive":"{{(n <= 20 ? "laws.tar.bz2" : "rules.tar.bz2")}}","member":"{{n}}.xml","title":"Act {{n}}","content":"Section {{n}}"}"""));

    [Fact]
    public async Task The_seeds_options_do_what_they_did()
    {
        Assert.Equal(
            (30, 30),
            (await Program.Run("import", "documents", File, "--json")).Exits(0) is var import
                ? (import.Number("read"), import.Number("written"))
                : default);

        Assert.Equal(10, (await Backfill("--archive", "rules.tar.bz2", "--dry-run")).Exits(0).Number("items"));
        Assert.Equal(0, Fake.RequestCount);
        Assert.Equal(10, (await Backfill("--archive", "rules.tar.bz2")).Exits(0).Number("embedded"));
        Assert.Equal(
            (5, 5),
            (await Backfill("--where", "archive=laws.tar.bz2", "--limit", "5")).Exits(0) is var some
                ? (some.Number("total"), some.Number("embedded"))
                : default);
        await Database.Execute("UPDATE lovdata_documents SET content = content || ' amended'");
        Assert.Equal(
            (11, 3),
            (await Backfill("--resume-from-id", "20", "--batch-size", "11", "--embedding-batch-size", "4")).Exits(0) is var rest
                ? (rest.Number("embedded"), rest.Number("requests"))
                : default);
        (await Backfill("--archive", "lows.tar.bz2")).Exits(2).Says("No document has the archive 'lows.tar.bz2'.");
        (await Backfill("--where", "year=2001")).Exits(2).Says("the declaration's 'where' has archive.");
    }

    [Fact]
    public async Task A_bad_line_ends_the_import_with_3_and_is_reported()
    {
        await System.IO.File.AppendAllTextAsync(File, """{"archive":"laws.tar.bz2","member":"31.xml"}""");

        var result = (await Program.Run("import", "documents", File, "--json")).Exits(3).Says("line 31: it has no 'content'");

        Assert.Equal((30, 1), (result.Number("written"), result.Number("bad")));
    }

    [Fact]
    public async Task D8_a_backfill_with_failed_documents_ends_with_3_and_without_a_banner()
    {
        (await Program.Run("import", "documents", File)).Exits(0);
        Fake.Script(Requests.WithInput(text => text == "Section 7"), Fault.BadInput());

        var result = (await Program.Run("backfill", "documents")).Exits(3);

        Assert.DoesNotContain("success", result.Out + result.Error, StringComparison.OrdinalIgnoreCase);
    }

    private Task<Result> Backfill(params string[] options) => Program.Run(["backfill", "documents", "--json", .. options]);
}
