using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>How a table of chunks comes and goes.</summary>
public sealed class ChunkTableDdlTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            "CREATE TABLE notes (id bigint PRIMARY KEY, title text); INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 20) "
                + "n");
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("(document_id int)", null)]
    [
        InlineData(
            "(document_id bigint, chunk_index int, content text, start_char int, end_char int, token_count int, embedding vector(16))",
            null)]
    [InlineData("(LIKE notes)", "chunks_before")]
    public async Task Down_leaves_a_table_that_no_migration_made(string columns, string? before)
    {
        await using (var earlier = Notes(before))
        {
            await earlier.Migrate();
        }

        await _database.Execute($"CREATE TABLE note_chunks {columns}");
        await using var corpus = Notes("note_chunks");
        Assert.DoesNotContain(
            await corpus.Get<CorpusRemoval>().Plan("notes", default), line => line.Contains("note_chunks", StringComparison.Ordinal));
        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM note_chunks"));
        Assert.Equal(
            0, await _database.Ask<long>("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'embedding'"));
    }

    [Fact]
    public async Task An_editor_who_waits_for_a_row_loses_no_deadlock_against_the_table_that_is_made()
    {
        await using (var truncated = Notes(null))
        {
            Assert.Equal(20, (await truncated.MigrateAndRun()).Counts.Embedded);
        }

        await using var corpus = Notes("note_chunks");
        await using var holder = await _database.Source.OpenConnectionAsync();
        await using var hold = await holder.BeginTransactionAsync();
        await using (
            var last = new Npgsql.NpgsqlCommand("SELECT id FROM notes WHERE ctid = (SELECT max(ctid) FROM notes) FOR UPDATE", holder))
        {
            Assert.NotNull(await last.ExecuteScalarAsync());
        }

        var migration = corpus.Migrate();
        await Waiting(1);
        var edit = _database.Execute("UPDATE notes SET title = 'edited' WHERE ctid = (SELECT min(ctid) FROM notes)");
        await Waiting(2);
        await hold.CommitAsync();

        await edit;
        await migration;
        Assert.Equal(20, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(20, await _database.Ask<long>("SELECT count(*) FROM note_chunks"));
    }

    [Fact]
    public async Task Chunks_whose_table_was_dropped_are_to_be_made_again_however_many_they_are()
    {
        await using var corpus = Notes("note_chunks");
        await corpus.MigrateAndRun();
        await _database.Execute(
            $"""
            DROP INDEX embedding_hnsw_notes;
            INSERT INTO notes (id, title, embedding, embedding_rule, content_hash)
            SELECT n, 'note ' || n, ARRAY(SELECT random() FROM generate_series(1, 16) WHERE n > 0)::vector, embedding_rule, content_hash
            FROM   generate_series(21, {TablePage.Rows + 1}) n JOIN notes ON id = 1;
            DROP TABLE note_chunks;
            """);

        await corpus.Migrate();

        Assert.Equal(
            0,
            await _database.Ask<long>("SELECT count(*) FROM notes WHERE embedding_rule NOT LIKE '@%' OR content_hash IS NOT NULL"));
        Assert.Equal("note_chunks", await _database.Ask<string>("SELECT to_regclass('note_chunks')::text"));
    }

    private async Task Waiting(int sessions)
    {
        for (
            var tries = 0; await _database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = "
                    + "'Lock'") < sessions; tries++)
        {
            Assert.True(tries < 600, "no session waits");
            await Task.Delay(50);
        }
    }

    private DeclaredCorpus Notes(string? chunks) => new(_database.Source, Declarations.Notes(chunks is null
        ? new { kind = "note", table = "notes", text = "{title}" }
        : new
        {
            kind = "note",
            table = "notes",
            text = "{title}",
            longText = "chunk",
            chunks = new { table = chunks, maxTokens = 50, overlapTokens = 10 }
        }));
}
