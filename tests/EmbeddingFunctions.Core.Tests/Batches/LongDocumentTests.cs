using System.Diagnostics;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>A document of very many chunks: it is written, however long that takes, and keeps no other waiting.</summary>
public sealed class LongDocumentTests : IAsyncLifetime
{
    private static readonly object _notes = Declarations.Notes(new
    {
        kind = "note",
        table = "notes",
        text = "{title}",
        longText = "chunk",
        chunks = new { table = "note_chunks", maxTokens = 100, overlapTokens = 0 },
    });

    private TestDatabase _database = null!;
    private DeclaredCorpus _corpus = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
        _corpus = new DeclaredCorpus(_database.Source, _notes);
        await _corpus.Migrate();
    }

    public async Task DisposeAsync()
    {
        await _corpus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task H4_A_million_characters_in_small_chunks_are_written_and_their_neighbours_do_not_wait_for_them()
    {
        await _database.Execute(
            """
            INSERT INTO notes SELECT 0, string_agg(md5(n::text) || ' word ' || n || '.', ' ') FROM generate_series(1, 23000) n;
            INSERT INTO notes SELECT n, 'short ' || n FROM generate_series(1, 19) n;
            """);
        Assert.InRange(await _database.Ask<int>("SELECT length(title) FROM notes WHERE id = 0"), 1_000_000, 1_100_000);
        var watch = Stopwatch.StartNew();
        var run = Task.Run(() => _corpus.Run());

        while (await Embedded("id > 0") < 19)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), "Its neighbours wait.");
            await Task.Delay(100);
        }

        Assert.Equal(0, await Embedded("id = 0"));
        var outcome = await run;
        Assert.Equal((20, 0), (outcome.Counts.Embedded, outcome.Counts.Failed));
        Assert.InRange(await _database.Ask<long>("SELECT count(*) FROM note_chunks WHERE document_id = 0"), 4_000, 8_000);
    }

    [Fact]
    public async Task H4_A_write_of_many_vectors_may_take_longer_than_a_statement_otherwise_may()
    {
        // Half as many chunks as are written at once, and forty seconds for them.
        await _database.Execute(
            """
            INSERT INTO notes SELECT 1, string_agg('word ' || n || '.', ' ') FROM generate_series(1, 3000) n;
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END';
            CREATE TRIGGER wait BEFORE INSERT ON note_chunks FOR EACH ROW EXECUTE FUNCTION wait();
            """);

        var outcome = await _corpus.Run().WaitAsync(TimeSpan.FromMinutes(2));

        Assert.Equal(1, outcome.Counts.Embedded);
        Assert.InRange(await _database.Ask<long>("SELECT count(*) FROM note_chunks"), 110, 250);
        Assert.InRange(outcome.Seconds, 31, 90);
    }

    private Task<long> Embedded(string where) => _database.Ask<long>($"SELECT count(embedding) FROM notes WHERE {where}");
}
