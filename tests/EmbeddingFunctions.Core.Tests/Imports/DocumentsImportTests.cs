using System.IO.Compression;
using System.Text;
using EmbeddingFunctions.Cli.Imports;
using EmbeddingFunctions.Core.Tests.Storage;

namespace EmbeddingFunctions.Core.Tests.Imports;

public sealed class DocumentsImportTests : DocumentsTest
{
    private const string Two =
        """
        {"archive":"a.tar.bz2","member":"1.xml","title":"Lov","content":"Første"}
        {"archive":"a.tar.bz2","member":"2.xml","title":null,"content":"Andre"}
        """;

    [Fact]
    public async Task Done_twice_it_changes_nothing_and_then_only_what_differs()
    {
        Assert.Equal((2, 2), await Import(Two));
        Assert.Equal(2, (await Backfill()).Counts.Embedded);

        Assert.Equal((2, 0), await Import(Two));
        Assert.Equal(0, (await Backfill()).ItemsTotal);

        Assert.Equal((2, 1), await Import(Two.Replace("Andre", "Endret", StringComparison.Ordinal)));
        Assert.Equal((1, 1), await Backfill() is var run ? (run.ItemsTotal, run.Counts.Embedded) : default);
    }

    [Fact]
    public async Task A_zipped_file_is_read_and_the_last_of_two_lines_with_one_key_counts()
    {
        using var zipped = new MemoryStream();
        await using (var zip = new GZipStream(zipped, CompressionMode.Compress, leaveOpen: true))
        {
            await zip.WriteAsync(Encoding.UTF8.GetBytes($"{Two}\n{Two.Replace("Andre", "Siste", StringComparison.Ordinal)}"));
        }

        zipped.Position = 0;

        Assert.Equal(
            (4, 2),
            await Engine.Get<DocumentsImport>().ImportLines(zipped, default) is var imported ? (imported.Read, imported.Written) : default);
        Assert.Equal("Siste", await Database.Ask<string>("SELECT content FROM lovdata_documents WHERE member = '2.xml'"));
    }

    [Theory]
    [InlineData("""{"member":"m","content":"c"}""", "it has no 'archive'")]
    [InlineData("""{"archive":"a","member":"","content":"c"}""", "it has no 'member'")]
    [InlineData("""{"archive":"a","member":"m"}""", "it has no 'content'")]
    [InlineData("""{"archive":"a","member":"m","content":7}""", "'content' is not text")]
    [InlineData("""["a"]""", "it is not a JSON object")]
    [InlineData("no", "it is not JSON")]
    public async Task A_bad_line_is_reported_with_its_number_and_the_others_are_imported(string line, string reason)
    {
        var imported = await Engine.Get<DocumentsImport>().ImportLines(new MemoryStream(Encoding.UTF8.GetBytes($"{line}\n{Two}")), default);

        Assert.Equal((2, 2, 1), (imported.Read, imported.Written, imported.Bad));
        var bad = Assert.Single(imported.BadLines);
        Assert.Equal(1, bad.Number);
        Assert.StartsWith(reason, bad.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_longest_names_that_are_taken_can_be_indexed()
    {
        var (archive, member) = (new string('\uFB01', 300), new string('\uFB01', 500));

        Assert.Equal((1, 1), await Import($$"""{"archive":"{{archive}}","member":"{{member}}","content":"c"}"""));
        Assert.Equal((0, 0), await Import($$"""{"archive":"{{archive}}x","member":"{{member}}","content":"c"}"""));
        Assert.Equal((0, 0), await Import($$"""{"archive":"{{archive}}","member":"{{member}}x","content":"c"}"""));
    }

    private async Task<(int Read, int Written)> Import(string lines)
    {
        var imported = await Engine.Get<DocumentsImport>().ImportLines(new MemoryStream(Encoding.UTF8.GetBytes(lines)), default);
        return (imported.Read, imported.Written);
    }
}
