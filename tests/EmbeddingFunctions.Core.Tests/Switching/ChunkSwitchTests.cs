using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Switching;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>Each generation beside the rows has chunks of its own, of its own width, and a view has those of the live one.</summary>
public sealed class ChunkSwitchTests : IAsyncLifetime
{
    private const string Read = "SELECT vector_dims(embedding), count(*) FROM embedding.live_chunks_notes_note GROUP BY 1";

    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id bigint PRIMARY KEY, title text);
            INSERT INTO notes SELECT n, repeat('word ' || n || ' ', 100) FROM generate_series(1, 5) n;
            """);
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_switch_to_another_width_leaves_the_chunks_of_the_first_as_they_are()
    {
        await using (var first = Notes(16))
        {
            await first.MigrateAndRun();
        }

        await using var corpus = Notes(32);
        var generations = corpus.Get<GenerationSwitch>();
        var chunks = (long)Assert.Single(await _database.Rows(Read))[1]!;
        Assert.True(chunks > 5);

        await corpus.Run(name: (await generations.Begin("notes", null, default)).Name);
        Assert.Equal([16, chunks], Assert.Single(await _database.Rows(Read)));
        await generations.Flip("notes", null, default);
        Assert.Equal([32, chunks], Assert.Single(await _database.Rows(Read)));
        await _database.Execute("UPDATE notes SET title = 'short' WHERE id = 1; DELETE FROM notes WHERE id = 2");
        await corpus.Run(name: "notes");
        await corpus.Run(name: "notes@2");
        var left = chunks - (2 * chunks / 5) + 1;
        Assert.Equal([32, left], Assert.Single(await _database.Rows(Read)));
        await generations.Flip("notes", null, default);
        Assert.Equal([16, left], Assert.Single(await _database.Rows(Read)));
        await generations.Flip("notes", null, default);

        await generations.Finish("notes", isGivenUp: false, null, default);

        Assert.Equal([32, left], Assert.Single(await _database.Rows(Read)));
        Assert.Null(await _database.Ask<string>("SELECT to_regclass('note_chunks')::text"));
        Assert.Equal(0, (await corpus.Run(name: "notes")).Counts.Claimed);
    }

    private DeclaredCorpus Notes(int dimensions) => new(_database.Source, new
    {
        name = "notes",
        store = "table",
        dimensions,
        startsPerMinute = 1_000,
        maxCharacters = 10_000,
        tables = new[]
        {
            new
            {
                kind = "note", table = "notes", text = "{title}", longText = "chunk",
                chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 },
            },
        },
    });
}
