using EmbeddingFunctions.Storage.Migrations;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>How a table of chunks comes and goes.</summary>
public sealed class ChunkShapeTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text); INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 20) n");
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("(document_id int)", null)]
    [InlineData("(document_id bigint, chunk_index int, content text, start_char int, end_char int, token_count int, embedding vector(16))", null)]
    [InlineData("(LIKE notes)", "chunks_before")]
    public async Task Down_leaves_a_table_that_no_migration_made(string columns, string? before)
    {
        await using (var earlier = Notes(before))
        {
            await earlier.Migrate();
        }

        await _database.Execute($"CREATE TABLE note_chunks {columns}");
        await using var corpus = Notes("note_chunks");
        var said = new List<string>();

        Assert.DoesNotContain(await corpus.Get<CorpusRemoval>().Plan("notes", default), line => line.Contains("note_chunks", StringComparison.Ordinal));
        await corpus.Get<CorpusRemoval>().Remove("notes", said.Add, default);

        Assert.Contains("leaving the table note_chunks, which no migration made", said);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM note_chunks"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'embedding'"));
    }

    private DeclaredCorpus Notes(string? chunks) => new(_database.Source, Declarations.Notes(chunks is null
        ? new { kind = "note", table = "notes", text = "{title}" }
        : new { kind = "note", table = "notes", text = "{title}", longText = "chunk", chunks = new { table = chunks, maxTokens = 50, overlapTokens = 10 } }));
}
