using System.IO.Compression;
using System.Text;
using EmbeddingFunctions.Cli.Imports;

namespace EmbeddingFunctions.Core.Tests.Imports;

public sealed class ItemLinesTests
{
    private const string Good = """{"kind":"issue","repository":"a/b","number":7,"key":"k","title":"T","body":"B","updated_at":1700000000.5}""";

    [Fact]
    public async Task A_line_is_an_item()
    {
        var (line, item, problem) = Assert.Single(await Read(Good));

        Assert.Equal((1, null), (line, problem));
        Assert.Equal(new WorkspaceItem("issue", "a/b", 7, "k", "T", "B", DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_500)), item);
    }

    [Theory]
    [InlineData("""{"kind":"discussion","repository":"a/b","key":"k","title":"","updated_at":0}""")]
    [InlineData("""{"kind":"discussion","repository":"a/b","number":null,"key":"k","title":"","body":null,"updated_at":0,"more":[1]}""")]
    public async Task Number_and_body_may_be_missing_and_more_may_be_there(string line) =>
        Assert.Equal(
            new WorkspaceItem("discussion", "a/b", null, "k", "", null, DateTimeOffset.UnixEpoch), Assert.Single(await Read(line)).Item);

    [Theory]
    [InlineData("not json", "it is not JSON: ")]
    [InlineData("""{"kind":"issue",""", "it is not JSON: ")]
    [InlineData("[1,2]", "it is not a JSON object")]
    [InlineData("null", "it is not a JSON object")]
    [InlineData("7", "it is not a JSON object")]
    [InlineData("{}", "it has no 'kind'")]
    [InlineData("""{"kind":"commit","repository":"a/b"}""", "the kind 'commit' is not one of issue, pull_request, discussion")]
    [InlineData("""{"kind":7,"repository":"a/b"}""", "'kind' is not text")]
    [InlineData("""{"kind":"issue","repository":""}""", "it has no 'repository'")]
    [InlineData("""{"kind":"issue","repository":"a/b"}""", "it has no 'key'")]
    [InlineData("""{"kind":"issue","repository":"a/b","key":null}""", "it has no 'key'")]
    [InlineData("""{"kind":"issue","repository":"a/b","key":"k"}""", "it has no 'title'")]
    [InlineData("""{"kind":"issue","repository":"a/b","key":"k","title":"T"}""", "'updated_at' is not a time in Unix seconds")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","key":"k","title":"T","updated_at":"2026-01-01"}""",
            "'updated_at' is not a time in Unix seconds")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","key":"k","title":"T","updated_at":-1}""", "'updated_at' is not a time in Unix seconds")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","key":"k","title":"T","updated_at":1700000000000}""",
            "'updated_at' is not a time in Unix seconds")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","key":"k","title":"T","updated_at":253402300799.9999}""",
            "'updated_at' is not a time in Unix seconds")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","key":"k","title":"T","updated_at":1e999}""",
            "'updated_at' is not a time in Unix seconds")]
    [InlineData("""{"kind":"issue","repository":"a/b","key":"k","title":"T","body":5,"updated_at":0}""", "'body' is not text")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","number":"7","key":"k","title":"T","updated_at":0}""", "'number' is not a whole number")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","number":1.5,"key":"k","title":"T","updated_at":0}""", "'number' is not a whole number")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","number":99999999999,"key":"k","title":"T","updated_at":0}""",
            "'number' is not a whole number")]
    [
        InlineData(
            """{"kind":"issue","repository":"a/b","key":"k","title":"half \ud83d","updated_at":0}""", "it holds text that is not Unicode")]
    [InlineData("""{"kind":"issue","repository":"a/b","key":"\udc00","title":"T","updated_at":0}""", "it holds text that is not Unicode")]
    public async Task A_bad_line_is_reported_with_its_number_and_the_others_are_read(string bad, string problem)
    {
        var lines = await Read($"{Good}\n{bad}\n\n{Good}\n");

        Assert.Equal([1, 2, 4], lines.Select(line => line.Number));
        Assert.StartsWith(problem, lines[1].Problem, StringComparison.Ordinal);
        Assert.DoesNotContain("LineNumber", lines[1].Problem, StringComparison.Ordinal);
        Assert.All([lines[0], lines[2]], line => Assert.NotNull(line.Item));
    }

    [Fact]
    public async Task A_repository_too_long_for_its_index_is_a_bad_line() =>
        Assert.Equal(
            "the 'repository' is longer than 300 characters",
            Assert.Single(await Read(Good.Replace("a/b", new string('x', 301), StringComparison.Ordinal))).Problem);

    [Fact]
    public async Task Bytes_that_are_no_unicode_are_a_bad_line()
    {
        var bytes = Encoding.UTF8.GetBytes(Good);
        bytes[Array.IndexOf(bytes, (byte)'T')] = 0xFF;

        Assert.Equal("it holds text that is not Unicode", Assert.Single(await Read(bytes)).Problem);
    }

    [Fact]
    public async Task Nul_is_taken_out_wherever_it_stands()
    {
        var item = Assert.Single(
            await Read("""{"kind":"issue","repository":"a\u0000/b","key":"k\u0000","title":"\u0000T","body":"B\u0000","updated_at":0}"""))
                .Item!;

        Assert.Equal(("a/b", "k", "T", "B"), (item.Repository, item.Key, item.Title, item.Body));
    }

    [Fact]
    public async Task A_line_beyond_the_limit_is_passed_over_and_reported()
    {
        var longest = Good.Replace("\"B\"", $"\"{new string('b', Lines.MaxBytes - Good.Length + 1)}\"", StringComparison.Ordinal);
        var lines = await Read($"{Good}\n{longest}\n{longest.Replace("\"T\"", "\"TT\"", StringComparison.Ordinal)}\n{Good}");

        Assert.Equal(Lines.MaxBytes, longest.Length);
        Assert.Equal([null, null, "it is longer than 10,000,000 bytes", null], lines.Select(line => line.Problem));
        Assert.Equal([1, 2, 3, 4], lines.Select(line => line.Number));
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("\n")]
    [InlineData("\n \t\n")]
    public async Task Any_line_end_and_blank_lines_are_fine(string end)
    {
        var lines = await Read($"{Good}{end}{Good}{end}");

        Assert.Equal(2, lines.Count);
        Assert.All(lines, line => Assert.NotNull(line.Item));
    }

    [Fact]
    public async Task A_mark_at_the_beginning_of_the_file_is_fine() => Assert.NotNull(Assert.Single(await Read("\ufeff" + Good)).Item);

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    public async Task An_empty_file_has_no_items(string text) => Assert.Empty(await Read(text));

    [Fact]
    public async Task A_zipped_file_is_known_by_its_content_also_from_a_pipe()
    {
        var zipped = Zip($"{Good}\n{Good}");

        Assert.Equal(2, (await Read(zipped)).Count(line => line.Item is not null));
        Assert.Equal(2, (await Read(new Pipe(zipped))).Count(line => line.Item is not null));
        Assert.Single(await Read(new Pipe(Encoding.UTF8.GetBytes(Good))));
    }

    [Fact]
    public async Task Zipped_files_one_behind_the_other_are_one_file() =>
        Assert.Equal(3, (await Read([.. Zip($"{Good}\n{Good}\n"), .. Zip(Good)])).Count(line => line.Item is not null));

    [Fact]
    public async Task A_zipped_file_that_was_cut_off_is_reported_and_what_is_there_is_read()
    {
        var text = string.Concat(
            Enumerable.Range(0, 3_000).Select(n => Good.Replace("\"k\"", $"\"{n * 7919}\"", StringComparison.Ordinal) + "\n"));
        var whole = Zip(text);

        var lines = await Read(whole[..(whole.Length / 2)]);

        Assert.InRange(lines.Count(line => line.Item is not null), 100, 2_900);
        Assert.Equal("the zipped file ends early: what followed is lost", lines[^1].Problem);
    }

    [Fact]
    public async Task A_zipped_file_that_was_damaged_is_reported_and_what_is_there_is_read()
    {
        var text = string.Concat(
            Enumerable.Range(0, 10_000).Select(n => Good.Replace("\"k\"", $"\"{n * 7919}\"", StringComparison.Ordinal) + "\n"));
        var damaged = Zip(text);
        damaged.AsSpan(damaged.Length / 2, 64).Fill(0xFF);

        var lines = await Read(damaged);

        Assert.Contains(lines, line => line.Item is not null);
        Assert.StartsWith("the rest cannot be unzipped: ", lines[^1].Problem, StringComparison.Ordinal);
    }

    private static byte[] Zip(string text)
    {
        var bytes = new MemoryStream();
        using (var zip = new GZipStream(bytes, CompressionMode.Compress))
        {
            zip.Write(Encoding.UTF8.GetBytes(text));
        }

        return bytes.ToArray();
    }

    private static Task<List<(int Number, WorkspaceItem? Item, string? Problem)>> Read(string text) => Read(Encoding.UTF8.GetBytes(text));

    private static Task<List<(int Number, WorkspaceItem? Item, string? Problem)>> Read(byte[] bytes) => Read(new MemoryStream(bytes));

    private static async Task<List<(int Number, WorkspaceItem? Item, string? Problem)>> Read(Stream file) =>
        await ItemLines.Read(file).ToListAsync();

    private sealed class Pipe(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;

        public override long Seek(long offset, SeekOrigin loc) => throw new NotSupportedException();

        // A byte at a time, as a slow pipe may give them.
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..1], cancellationToken);

        public override int Read(Span<byte> buffer) => base.Read(buffer[..1]);
    }
}
