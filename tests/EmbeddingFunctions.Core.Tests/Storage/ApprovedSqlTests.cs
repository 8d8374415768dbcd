using System.Text.RegularExpressions;
using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>
/// The largest statements as the database gets them, in files that a reviewer can read: a change of a statement is a change of its file.
/// </summary>
public sealed partial class ApprovedSqlTests
{
    private const int MaxColumns = 140;

    private static readonly string _folder = Path.Combine(Repository.Root, "tests", "EmbeddingFunctions.Core.Tests", "Sql");

    private static readonly ClaimedItem _item = new(
        "1", [1], ["A title", "A body"], Hash: null, State: null, HasVector: false, Attempts: 1, FailedHash: null, IsDead: false);

    private static readonly DateTimeOffset _moment = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly Selection _selection = new(new Dictionary<string, string> { ["section"] = "news" }, FromId: 7);

    private static readonly EmbedBatch _besideBatch = new(Guid.Empty, Guid.Empty, "beside", "page", "", Count: 20, ForceBefore: null);

    private static readonly Dictionary<string, Func<SqlText>> _statements = new()
    {
        ["claim"] = () => ClaimStatements.Take(SampleCorpus.Within, Batch("article"), Guid.Empty),
        ["claim-forced"] = () => ClaimStatements.Take(
            SampleCorpus.Within, Batch("article") with { ForceBefore = _moment, Selection = _selection }, Guid.Empty),
        ["claim-beside"] = () =>
            ClaimStatements.Take(SampleCorpus.Beside, _besideBatch with { Selection = _selection with { FromId = null } }, Guid.Empty),
        ["companion"] = () => Sql.Raw(string.Join(";\n", CorpusDdl.Objects(SampleCorpus.Beside).Select(wanted => wanted.Statement))),
        ["write-vectors-beside"] = () => VectorStore.Statement(
            new Claim(SampleCorpus.Beside, SampleCorpus.Beside.TableOf("page"), Guid.Empty, "", Guid.Empty, [_item], IsForced: false),
            Guid.Empty,
            [new(_item with { EditedAt = _moment }, EmbeddingFunctions.Batches.Outcome.Embedded, "hash", new float[512])], [],
            new BatchCounts(),
            skipLocked: false),
        ["plan-page"] = () => PagePlanner.Statement(
            SampleCorpus.Within, SampleCorpus.Articles,
            new PlanPage(new RunInput(Guid.Empty, new RunRequest("library", []) { IsScheduled = true }), Cursor: "", Busy: [], Items: 200),
            room: 200, partitions: 10),
        ["write-vectors"] = () => VectorStore.Statement(
            Claim("article"), Guid.Empty, [Outcome()], ChunkWrite.Of([Outcome()]), new BatchCounts(), skipLocked: false),
        ["write-vectors-unlocked"] = () => VectorStore.Statement(
            Claim("note"), Guid.Empty, [Outcome()], [], new BatchCounts(), skipLocked: true),
        ["write-chunks"] = () => ChunkWrite.WritePart(Claim("article"), ChunkWrite.Of([Outcome()]), skipLocked: false),
        ["record-failures"] = () => FailureStore.Statement(
            Claim("article") with { IsForced = true }, Guid.Empty, [new ItemFailure(_item, "hash", "reason", IsDead: true)], ["reason"],
            new BatchCounts(), marked: true, TimeSpan.FromHours(1)),
        ["ignore-failed"] = () => FailedItems.IgnoreSome(
            SampleCorpus.Within, SampleCorpus.Articles, [new FailedItems.FailedText("1", [1], "hash", new string('0', 64))]),
        ["retry-failed"] = () => FailedItems.Retry("library", SampleCorpus.Articles, ["1"]),
        ["take-queue"] = () => QueueIntake.Statement("library", SampleCorpus.Notes, ["1"], last: null),
        ["requeue"] = () => QueueRows.RequeueSome(SampleCorpus.Notes, ["1"], reason: null, first: null, last: null),
        ["queue-table"] = () => Objects(wanted => wanted.IsShared),
        ["settle-queue"] = () => Objects(wanted => wanted.Name.Contains("embedding_queue_settle", StringComparison.Ordinal)),
        ["pending-view"] = () => Objects(wanted => wanted.Kind == ObjectKind.View),
    };

    public static TheoryData<string> Names => new(_statements.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_statement_is_as_it_was_approved(string name)
    {
        var approved = Path.Combine(_folder, $"{name}.approved.sql");
        var received = Path.Combine(_folder, $"{name}.received.sql");
        var lines = _statements[name]().ToString().Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0);
        var rendered = string.Join('\n', lines.SelectMany(Wrapped)) + "\n";
        if (File.Exists(approved) && File.ReadAllText(approved) == rendered)
        {
            File.Delete(received);
            return;
        }

        File.WriteAllText(received, rendered);
        Assert.Fail($"The statement is another than the approved one. Compare the two, and accept it with: mv {received} {approved}");
    }

    [Fact]
    public void Each_approved_file_is_of_a_statement() => Assert.Equal(
        _statements.Keys.Order(),
        Directory.GetFiles(_folder, "*.approved.sql").Select(file => Path.GetFileName(file).Split('.')[0]).Order());

    // Declared conditions make long lines.
    private static IEnumerable<string> Wrapped(string line)
    {
        var margin = new string(' ', line.Length - line.TrimStart().Length + 8);
        while (line.Length > MaxColumns && LastBreak().Matches(line[..MaxColumns]) is [.., var last] && last.Index > margin.Length)
        {
            yield return line[..last.Index];
            line = margin + line[(last.Index + 1)..];
        }

        yield return line;
    }

    [GeneratedRegex(" (?=AND |OR |THEN |FROM |JOIN |WHERE |SELECT )")]
    private static partial Regex LastBreak();

    private static EmbedBatch Batch(string kind) => new(Guid.Empty, Guid.Empty, "library", kind, "tenant", Count: 20, ForceBefore: null);

    private static Claim Claim(string kind) =>
        new(SampleCorpus.Within, SampleCorpus.Within.TableOf(kind), Guid.Empty, "tenant", Guid.Empty, [_item], IsForced: false);

    private static ItemOutcome Outcome()
    {
        var chunk = new TextChunk(new InputText("A title. A body", SampleCorpus.Articles.Tokens, tokens: 5), Start: 0, End: 15);
        return new(_item, EmbeddingFunctions.Batches.Outcome.Embedded, "hash", new float[512])
        {
            Chunks = [new EmbeddedChunk(chunk, new float[512])],
        };
    }

    private static SqlText Objects(Func<SchemaObject, bool> which) => Sql.Raw(
        string.Join(";\n", CorpusDdl.Objects(SampleCorpus.Within).Where(which).Select(wanted => wanted.Statement)));
}
