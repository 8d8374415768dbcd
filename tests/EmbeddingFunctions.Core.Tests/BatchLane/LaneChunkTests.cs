using System.Text.Json;
using EmbeddingFunctions.BatchLane;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddingFunctions.Core.Tests.BatchLane;

/// <summary>A document whose chunks lie on several lines of a batch, one of which comes to nothing.</summary>
public sealed class LaneChunkTests : IAsyncLifetime
{
    private const int Dimensions = 16;
    private const int InputsPerLine = 3;

    private static readonly string _long = string.Join(
        ' ', Enumerable.Range(1, 60).Select(n => $"Sentence number {n} of a long document."));
    private static readonly IReadOnlyList<TextChunk> _chunks = TextChunks.Of(_long, Cl100kTokens.Counter, 50, 0);

    private readonly string _file = Path.GetTempFileName();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
        await _database.Execute("INSERT INTO notes VALUES (1, $1), (2, 'a short one'), (3, 'another')", _long);
        await File.WriteAllTextAsync(_file, JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "notes",
                    dimensions = Dimensions,
                    store = "column",
                    startsPerMinute = 1_000,
                    tables = new[]
                    {
                        new
                        {
                            kind = "note", table = "notes", text = "{title}", longText = "chunk",
                            chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 },
                        },
                    },
                },
            },
        }));
        _engine = new TestEngine(
            _database.Source, _fake, settings => settings with { HasBatchApi = true, CorporaFile = _file },
            services: services => services.AddSingleton(new LaneLimits { InputsPerLine = InputsPerLine }));
        await _engine.Get<Migrator>().Migrate(_engine.Get<CorpusSet>().Get("notes"), new MigrationOptions(), null, default);
        Assert.InRange(_chunks.Count, (2 * InputsPerLine) + 1, 4 * InputsPerLine);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
        File.Delete(_file);
    }

    [Fact]
    public async Task All_lines_that_are_answered_in_any_order_make_one_document()
    {
        _fake.Batches.Script = _ => new() { Shuffle = true };

        Assert.Equal(("completed", 3, 0), await Run());

        await AssertWhole(paid: _chunks.Count + 2);
    }

    [Fact]
    public async Task A_line_that_fails_fails_its_document_and_the_next_attempt_sends_that_line_s_chunks_alone()
    {
        var failing = _chunks[InputsPerLine + 1].Text;
        _fake.Batches.Script = number => new() { IsBadInput = text => number == 1 && text == failing };

        Assert.Equal(("completed", 1), await Run() is var (status, _, failed) ? (status, failed) : default);

        Assert.Equal("1", await _database.Ask<string>("SELECT string_agg(item_id, ' ') FROM embedding.failures WHERE reason <> ''"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM note_chunks WHERE document_id = 1"));
        await Retry();
        await AssertWhole(paid: _chunks.Count + 2);
        Assert.Equal(InputsPerLine, _fake.Batches.All[1].InputCount);
    }

    [Fact]
    public async Task A_torn_answer_fails_its_document_for_now_and_only_its_line_is_paid_for_again()
    {
        _fake.Batches.Script = number => new() { IsTorn = line => number == 1 && line == 2 };

        Assert.Equal(("completed", 1), await Run() is var (status, _, failed) ? (status, failed) : default);

        Assert.Equal(
            "1", await _database.Ask<string>(
                "SELECT string_agg(item_id, ' ') FROM embedding.failures WHERE reason LIKE '%no readable answer%'"));
        await Retry();
        await AssertWhole(paid: _chunks.Count + 2 + InputsPerLine);
        Assert.Equal(InputsPerLine, _fake.Batches.All[1].InputCount);
    }

    [Fact]
    public async Task A_batch_that_expires_between_a_document_s_lines_is_finished_by_the_next_one()
    {
        _fake.Batches.Script = number => new() { ExpiresAfter = number == 1 ? 2 : null };

        Assert.Equal(("completed", 3, 0), await Run());

        await AssertWhole(paid: _chunks.Count + 2);
        Assert.Equal(_chunks.Count + 2 - (2 * InputsPerLine), _fake.Batches.All[1].InputCount);
    }

    private async Task Retry()
    {
        await _database.Execute("UPDATE embedding.claims SET retry_at = NULL WHERE reason IS NOT NULL");
        Assert.Equal(("completed", 1, 0), await Run());
    }

    private async Task<(string Status, int Processed, int Failed)> Run()
    {
        var lanes = _engine.Get<LaneRuns>();
        var run = await lanes.Begin(new RunRequest("notes", []), default);
        for (var steps = 0; await lanes.Advance(run, default); steps++)
        {
            Assert.True(steps < 20, "The run does not end.");
            await _database.Execute("UPDATE embedding.lane_runs SET next_at = now() WHERE token IS NULL");
        }

        var ended = (await _engine.Get<RunHistory>().Find(run, default))!.Run;
        return (ended.Status, ended.ItemsProcessed, ended.ItemsFailed);
    }

    // Each chunk has the vector of its own text, in its place; nothing is held and nothing is left at the provider.
    private async Task AssertWhole(int paid)
    {
        var found = await _database.Rows(
            "SELECT content, embedding::real[] FROM note_chunks WHERE document_id = 1 ORDER BY chunk_index");
        Assert.Equal(_chunks.Select(chunk => chunk.Text), found.Select(row => (string)row[0]!));
        Assert.All(found, row => Assert.All(
            FakeVector.Of((string)row[0]!, "text-embedding-3-small", Dimensions).Zip((float[])row[1]!),
            pair => Assert.Equal(pair.First, pair.Second, 1e-5f)));
        Assert.Equal(3, await _database.Ask<long>("SELECT count(embedding) FROM notes WHERE embedding_state = 'embedded'"));
        Assert.Equal((0L, 0L), (
            await _database.Ask<long>("SELECT count(*) FROM embedding.claims"),
            await _database.Ask<long>("SELECT count(*) FROM embedding.lane_items")));
        Assert.Equal((paid, 0), ((int)_fake.PaidInputCount, _fake.Batches.FileCount));
    }
}
