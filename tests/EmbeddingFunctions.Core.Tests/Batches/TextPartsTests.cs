using EmbeddingFunctions.Batches;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Texts and chunks that are too many for one batch or one write.</summary>
public sealed class TextPartsTests : LongTextTest
{
    [Fact]
    public async Task Texts_that_are_long_together_are_several_batches()
    {
        var engine = await Engine("truncate", maxCharacters: 100);
        await Database.Execute(
            $"INSERT INTO notes SELECT n, n || repeat('x', {ClaimStore.MaxBytes / 2}) FROM generate_series(1, 5) n");

        var run = await Run(engine);

        Assert.Equal((5, 5L), (run.Counts.Embedded, await Count("embedding.batches WHERE embedded > 0")));
    }

    [Fact]
    public async Task Texts_that_make_many_chunks_together_are_several_batches()
    {
        // Two of them would make more than 2,000 chunks; all together are far from the bytes that a batch may hold.
        var engine = await Engine("chunk", Chunked);
        await Database.Execute("INSERT INTO notes SELECT n, n || repeat(' word', 26000) FROM generate_series(1, 5) n");

        var run = await Run(engine);

        Assert.Equal((5, 5L), (run.Counts.Embedded, await Count("embedding.batches WHERE embedded > 0")));
    }

    [Fact]
    public async Task Many_chunks_are_written_in_parts_and_the_vector_of_their_item_last()
    {
        var engine = await Engine("chunk", Chunked);
        await Database.Execute(
            """
            CREATE TABLE writes (rows bigint, is_embedded boolean);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO writes SELECT count(*), (SELECT embedding IS NOT NULL FROM notes WHERE id = 1) FROM made; RETURN NULL; END $$;
            CREATE TRIGGER note AFTER INSERT ON note_chunks REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION note();
            """);
        await Note(1, VeryLong("a"));
        await Note(2, "short");

        var run = await Run(engine);

        var chunks = await Count("note_chunks WHERE document_id = 1");
        Assert.Equal((2, true), (run.Counts.Embedded, chunks > 2 * ChunkWrite.Part));
        Assert.Equal(
            (ChunkWrite.Part, false),
            (
                await Database.Ask<long>("SELECT max(rows) FROM writes"),
                await Database.Ask<bool>("SELECT bool_or(is_embedded) FROM writes WHERE rows > 0")));
        await AssertTrue();
    }

    [Fact]
    public async Task An_edit_between_two_parts_leaves_no_chunk_of_another_text_behind_that_passes_for_true()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, "first");
        await Run(engine);
        await Note(1, VeryLong("a"));
        await Database.Execute(
            """
            CREATE FUNCTION edit() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF (SELECT count(*) FROM note_chunks) BETWEEN 2 AND 300 THEN UPDATE notes SET title = 'first' WHERE id = 1; END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER edit AFTER INSERT ON note_chunks FOR EACH STATEMENT EXECUTE FUNCTION edit();
            """);

        await Run(engine);

        Assert.Equal("first", await Database.Ask<string>("SELECT title FROM notes"));
        Assert.Equal("first", Assert.Single(await Chunks(1)).Content);
        await AssertTrue();
    }

    [Fact]
    public async Task A_lease_that_is_lost_between_two_parts_writes_no_more()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, VeryLong("a"));
        await Database.Execute(
            """
            CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE embedding.claims SET token = gen_random_uuid();
                RETURN NULL; END $$;
            CREATE TRIGGER lose AFTER INSERT ON note_chunks FOR EACH STATEMENT EXECUTE FUNCTION lose();
            """);
        var run = await Database.Ask<Guid>(
            "INSERT INTO embedding.jobs (id, corpus, kinds) VALUES (gen_random_uuid(), 'notes', '{}') RETURNING id");

        var batch = await engine.Get<BatchEmbedder>()
            .Embed(new EmbedBatch(run, Guid.CreateVersion7(), "notes", "note", "", 20, null), default);

        Assert.Equal(
            (0, 0L, (long)ChunkWrite.Part),
            (batch.Counts.Embedded, await Count("notes WHERE embedding IS NOT NULL"), await Count("note_chunks")));
    }

    private static string VeryLong(string word) => string.Join(' ', Enumerable.Range(1, 5_000).Select(n => $"{word} sentence number {n}."));
}
