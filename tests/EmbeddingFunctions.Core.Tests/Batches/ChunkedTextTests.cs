using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Texts that are embedded in chunks, with the mean of their vectors.</summary>
public sealed class ChunkedTextTests : LongTextTest
{
    [Fact]
    public async Task Chunks_and_their_mean_are_those_of_the_text()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, Long("a"));
        await Note(2, "short");
        await Note(3, "");

        var run = await Run(engine);

        Assert.Equal((2, 1, 1), (run.Counts.Embedded, run.Counts.Empty, run.Counts.Requests));
        await AssertTrue();
        Assert.Equal((1L, 0L), (await Count("note_chunks WHERE document_id = 2"), await Count("note_chunks WHERE document_id = 3")));
        Assert.Equal(1, await Database.Ask<double>("SELECT vector_norm(embedding) FROM notes WHERE id = 1"), 5);
        Assert.Equal(
            0,
            await Count(
                "note_chunks k JOIN notes n ON n.id = document_id WHERE substr(n.title, start_char + 1, end_char - start_char) <> "
                    + "k.content"));
    }

    [Fact]
    public async Task An_audit_finds_and_deletes_chunks_of_rows_that_are_gone()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, Long("a"));
        await Note(2, "short");
        await Run(engine);
        await Database.Execute(
            "ALTER TABLE notes DISABLE TRIGGER ALL; DELETE FROM notes WHERE id = 2; ALTER TABLE notes ENABLE TRIGGER ALL");

        var audited = await engine.Get<Audit>().Of("notes", isRepaired: true, default);

        Assert.Equal([new AuditFinding("note", "orphanedChunk", 1)], audited.Findings);
        Assert.Equal(0, await Count("note_chunks WHERE document_id = 2"));
        Assert.Empty((await engine.Get<Audit>().Of("notes", isRepaired: false, default)).Findings);
        await AssertTrue();
    }

    [Fact]
    public async Task An_edit_pays_for_the_chunks_that_it_changes_and_the_old_ones_go()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, Long("a"));
        await Run(engine);
        var (chunks, paid) = (await Count("note_chunks"), Fake.PaidInputCount);

        await Note(1, $"{Long("a")} And so on.");
        await Run(engine);
        await AssertTrue();
        Assert.InRange(Fake.PaidInputCount - paid, 1, 2);
        Assert.True(chunks > 5);

        await Note(1, "short");
        await Run(engine);
        Assert.Equal(1, await Count("note_chunks"));
        await Note(1, "");
        await Run(engine);
        Assert.Equal(0, await Count("note_chunks"));
        Assert.Equal(0, Fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task An_edit_during_the_call_writes_neither_chunks_nor_vector()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, Long("a"));
        await Note(2, Long("b"));
        var hold = Fake.Hold();
        var run = Run(engine);
        await Fake.WaitForRequestsAsync(1);
        await Note(1, Long("c"));
        hold.Dispose();
        var first = await run;

        Assert.Equal(1, first.Counts.Changed);
        await AssertTrue();
        Assert.Equal((0L, 2L), (await Count("note_chunks WHERE content LIKE 'a%'"), await Count("notes WHERE embedding IS NOT NULL")));
    }

    [Fact]
    public async Task A_lost_lease_writes_neither_chunks_nor_vector()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, Long("a"));
        var run = await Database.Ask<Guid>(
            "INSERT INTO embedding.jobs (id, corpus, kinds) VALUES (gen_random_uuid(), 'notes', '{}') RETURNING id");
        using var hold = Fake.Hold();
        var batch = engine.Get<BatchEmbedder>().Embed(new EmbedBatch(run, Guid.CreateVersion7(), "notes", "note", "", 20, null), default);
        await Fake.WaitForRequestsAsync(1);
        await Database.Execute("UPDATE embedding.claims SET token = gen_random_uuid()");
        hold.Dispose();

        Assert.Equal(0, (await batch).Counts.Embedded);

        Assert.Equal(
            (1L, 0L, 0L),
            (Fake.PaidInputCount > 0 ? 1L : 0L, await Count("notes WHERE embedding IS NOT NULL"), await Count("note_chunks")));
    }

    [Fact]
    public async Task A_chunk_that_is_refused_fails_its_item_alone_and_the_reason_names_it()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, $"{Long("a")} poison");
        await Note(2, Long("b"));
        using var bad = Fake.Script(Requests.WithInput(text => text.EndsWith("poison", StringComparison.Ordinal)), Fault.BadInput());

        var run = await Run(engine);

        Assert.Equal((1, 1), (run.Counts.Embedded, run.Counts.Failed));
        Assert.Matches("^chunk (\\d+) of \\1: ", (await Failure()).Reason);
        Assert.Equal(0, await Count("note_chunks WHERE document_id = 1"));
    }

    [Fact]
    public async Task A_failed_an_ignored_and_a_deleted_item_have_no_chunks()
    {
        var engine = await Engine("chunk", Chunked);
        await Note(1, "one");
        await Note(2, "two");
        await Note(3, "three");
        await Run(engine);
        await Note(1, "bad one");
        await Note(2, "bad two");
        await Database.Execute("DELETE FROM notes WHERE id = 3");
        using var bad = Fake.Script(Requests.WithInput(text => text.StartsWith("bad", StringComparison.Ordinal)), Fault.BadInput());
        for (var attempt = 0; attempt < 3; attempt++)
        {
            await Run(engine);
            await Database.Execute("UPDATE embedding.claims SET retry_at = now() WHERE retry_at IS NOT NULL AND item_id = '1'");
        }

        Assert.Equal(2, await Database.Ask<long>("SELECT document_id FROM note_chunks"));
        Assert.Equal(1, (await engine.Get<FailedItems>().Ignore("notes", new FailureFilter([("note", "2")]), default)).Ignored);
        Assert.Equal(0, await Count("note_chunks"));
    }

    [Fact]
    public async Task A_text_of_more_chunks_than_a_document_may_have_fails_with_the_reason_and_nothing_is_sent()
    {
        var engine = await Engine("chunk", new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 });
        await Database.Execute(
            $"INSERT INTO notes VALUES (1, repeat('eight words of a text that is long ', {7 * TextChunks.MostChunks}))");

        Assert.Equal(1, (await Run(engine)).Counts.Failed);

        var (reason, isDead) = await Failure();
        Assert.Contains("it makes more than 20,000 chunks of 50 tokens", reason, StringComparison.Ordinal);
        Assert.Equal((true, 0), (isDead, Fake.RequestCount));
    }
}
