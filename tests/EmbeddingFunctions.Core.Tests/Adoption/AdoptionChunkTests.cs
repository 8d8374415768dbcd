using EmbeddingFunctions.Adoption;
using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Core.Tests.Adoption;

/// <summary>A corpus that embeds in chunks takes over vectors of the very chunks that it makes.</summary>
public sealed class AdoptionChunkTests : AdoptionTest
{
    private const int Words = 40;

    [Theory]
    [InlineData("table")]
    [InlineData("column")]
    public async Task Chunks_of_the_same_texts_are_taken_over_and_others_are_left_to_a_run(string store)
    {
        await MakeChunks(store);
        await Database.Execute("UPDATE store SET chunk = chunk || ' and more' WHERE id = 2 AND chunk_seq = 1");
        var paid = Fake.PaidInputCount;

        var adopted = await Adopt(Request("store.embedding") with { Sample = 1 });

        Assert.Equal((2, 1), (adopted.Items, Count(adopted.LeftOut, LeftOutReason.OtherChunks)));
        Assert.Equal(0, Fake.PaidInputCount - paid);
        Assert.Equal(
            0,
            await Database.Ask<long>(
                """
                SELECT count(*) FROM store s LEFT JOIN note_chunks k ON k.document_id = s.id AND k.chunk_index = s.chunk_seq
                WHERE  s.id <> 2 AND k.embedding IS DISTINCT FROM s.embedding
                """));
        Assert.Equal(1, await Embedded());
    }

    [Fact]
    public async Task Without_the_texts_of_the_chunks_nothing_is_adopted()
    {
        await MakeChunks("table");
        await Database.Execute("ALTER TABLE store DROP chunk");

        var refusal = await Assert.ThrowsAsync<InvalidCorpusException>(() => Examine(Request("store.embedding")));

        Assert.Contains("--text COLUMN", refusal.Message, StringComparison.Ordinal);
    }

    // The chunks as the corpus itself made and embedded them, in a table of another program; and the corpus made again.
    private async Task MakeChunks(string store)
    {
        await Database.Execute(
            "INSERT INTO notes (id, title) SELECT i, (SELECT string_agg('word' || n || ' of note ' || i, '. ') FROM generate_series(1, $1) "
                + "n) FROM generate_series(1, 3) i", Words);
        var table = new
        {
            kind = "note",
            table = "notes",
            text = "{title}",
            longText = "chunk",
            chunks = new { table = "note_chunks", maxTokens = 64, overlapTokens = 0 },
        };
        await Migrate(store, table);
        Assert.Equal(3, await Embedded());
        await Database.Execute(
            """
            CREATE TABLE store AS SELECT document_id AS id, chunk_index AS chunk_seq, content AS chunk, embedding FROM note_chunks
            """);
        await Engine.Get<Schema.CorpusRemoval>().Remove("notes", null, CancellationToken.None);
        await Migrate(store, table);
    }
}
