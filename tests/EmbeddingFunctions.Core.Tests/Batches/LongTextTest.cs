using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>A table of notes, whose texts are longer than is embedded at once.</summary>
public abstract class LongTextTest : IAsyncLifetime
{
    private const string Model = "text-embedding-3-small";
    private const int Dimensions = 16;

    private readonly List<TestEngine> _engines = [];

    /// <summary>What a declaration says of chunks.</summary>
    private protected static object Chunked { get; } = new { table = "note_chunks", maxTokens = 50, overlapTokens = 10 };

    private protected FakeOpenAi Fake { get; private set; } = null!;

    private protected TestDatabase Database { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Fake = await FakeOpenAi.StartAsync();
        Database = await TestDatabase.Empty();
        await Database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
    }

    public async Task DisposeAsync()
    {
        foreach (var engine in _engines)
        {
            await engine.DisposeAsync();
            File.Delete(engine.Settings.CorporaFile!);
        }

        await Database.DisposeAsync();
        await Fake.DisposeAsync();
    }

    private protected async Task<TestEngine> Engine(
        string longText, object? chunks = null, int maxCharacters = 2_000, FakeOpenAi? fake = null)
    {
        var file = Path.GetTempFileName();
        object table = chunks is null
            ? new { kind = "note", table = "notes", text = "{title}", longText }
            : new { kind = "note", table = "notes", text = "{title}", longText, chunks };
        await File.WriteAllTextAsync(file, System.Text.Json.JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "notes", dimensions = Dimensions, store = "column", maxCharacters, startsPerMinute = 1_000,
                    tables = new[] { table },
                },
            },
        }));
        var engine = new TestEngine(Database, fake ?? Fake, settings => settings with { CorporaFile = file });
        _engines.Add(engine);
        await engine.Get<Migrator>().Migrate(engine.Get<CorpusSet>().Get("notes"), withSampleTables: false, null, default);
        return engine;
    }

    private protected static Task<RunOutcome> Run(TestEngine engine) => engine.Run(new RunRequest("notes", []));

    private protected static string Long(string word) =>
        string.Join(' ', Enumerable.Range(1, 60).Select(n => $"{word} sentence number {n}."));

    private protected Task Note(long id, string text) =>
        Database.Execute("INSERT INTO notes VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title", id, text);

    private protected Task<long> Count(string from) => Database.Ask<long>($"SELECT count(*) FROM {from}");

    private protected async Task<(string? Reason, bool IsDead)> Failure()
    {
        var row = Assert.Single(await Database.Rows("SELECT reason, is_dead FROM embedding.failures"));
        return ((string?)row[0], (bool)row[1]!);
    }

    private protected async Task<List<(string Content, float[] Vector)>> Chunks(long id) =>
        (await Database.Rows("SELECT content, embedding::real[] FROM note_chunks WHERE document_id = $1 ORDER BY chunk_index", id))
        .Select(row => ((string)row[0]!, (float[])row[1]!)).ToList();

    // The oracle: vectors are a function of the text, and the whole's is the mean of its chunks' by their length.
    private protected async Task AssertTrue()
    {
        foreach (var row in await Database.Rows("SELECT id, title, embedding::real[] FROM notes WHERE embedding IS NOT NULL"))
        {
            var expected = TextChunks.Of((string)row[1]!, Cl100kTokens.Counter, 50, 10);
            var found = await Chunks((long)row[0]!);
            Assert.Equal(expected.Select(chunk => chunk.Text), found.Select(chunk => chunk.Content));
            Assert.All(found, chunk => AssertSame(FakeVector.Of(chunk.Content, Model, Dimensions), chunk.Vector));
            var sum = new double[Dimensions];
            foreach (var (content, vector) in found)
            {
                sum = sum.Zip(vector, (total, component) => total + (content.Length * (double)component)).ToArray();
            }

            AssertSame(sum.Select(component => (float)(component / Math.Sqrt(sum.Sum(c => c * c)))).ToArray(), (float[])row[2]!);
        }
    }

    private protected static void AssertSame(float[] expected, float[] found) =>
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
}
