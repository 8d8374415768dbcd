using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>From one mode of long texts to another, and the table of chunks.</summary>
public sealed class LongTextModeTests : LongTextTest
{
    [Fact]
    public async Task From_one_mode_to_another_nothing_stale_stays()
    {
        await Note(1, Long("a"));
        await Note(2, "short");
        await Run(await Engine("truncate", maxCharacters: 2_000));
        await Run(await Engine("chunk", Chunked));
        await AssertTrue();

        await Run(await Engine("chunk", new { table = "note_chunks", maxTokens = 60, overlapTokens = 0 }));

        Assert.Equal(
            TextChunks.Of(Long("a"), Cl100kTokens.Counter, 60, 0).Select(chunk => chunk.Text),
            (await Chunks(1)).Select(chunk => chunk.Content));
    }

    [Fact]
    public async Task Chunks_whose_table_was_dropped_come_back_with_the_next_migration_and_run()
    {
        await Note(1, Long("a"));
        await Run(await Engine("chunk", Chunked));
        await Database.Execute("DROP TABLE note_chunks");

        await Run(await Engine("chunk", Chunked));

        Assert.True(await Count("note_chunks") > 5);
        await AssertTrue();
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task Down_takes_the_table_of_chunks_and_a_foreign_one_is_refused()
    {
        var engine = await Engine("chunk", Chunked);
        Assert.Contains("the table note_chunks, with 0 vectors", await engine.Get<CorpusRemoval>().Plan("notes", default));
        await engine.Get<CorpusRemoval>().Remove("notes", null, default);
        Assert.Null(await Database.Ask<string>("SELECT to_regclass('note_chunks')::text"));

        await Database.Execute("CREATE TABLE note_chunks (id int)");
        Assert.Contains(
            "drop it and migrate again", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => Engine("chunk", Chunked))).Message,
            StringComparison.Ordinal);
        Assert.Equal(0, await Count("pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'embedding'"));
    }
}
