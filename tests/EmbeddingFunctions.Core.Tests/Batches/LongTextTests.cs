using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Core.Tests.Texts;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;
using EmbeddingFunctions.Texts;

namespace EmbeddingFunctions.Core.Tests.Batches;

/// <summary>Texts that are longer than is embedded at once, in each of the three modes.</summary>
public sealed class LongTextTests : IAsyncLifetime
{
    private const string Model = "text-embedding-3-small";
    private const int Dimensions = 16;

    private static readonly object _chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 10 };

    private static readonly string[] _scripts = ["Norwegian", "Georgian", "Amharic", "Burmese", "Polytonic Greek"];

    private readonly List<TestEngine> _engines = [];
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id bigint PRIMARY KEY, title text)");
    }

    public async Task DisposeAsync()
    {
        foreach (var engine in _engines)
        {
            await engine.DisposeAsync();
            File.Delete(engine.Settings.CorporaFile!);
        }

        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task What_is_cut_off_is_on_the_row_and_goes_with_the_cut()
    {
        var engine = await Engine("truncate", maxCharacters: 10);
        await Note(1, "0123456789");
        await Note(2, "0123456789a");
        await Note(3, "012345678😀😀");
        await Run(engine);

        Assert.Equal([null, 1, 2], await Truncated());
        await Note(2, "0123456789abc");
        await Note(3, "short");
        Assert.Equal((1, 1), await Run(engine) is var run ? (run.Counts.Unchanged, run.Counts.Embedded) : default);
        Assert.Equal([null, 3, null], await Truncated());
        await Note(2, " ");
        await Run(engine);
        Assert.Equal([null, null, null], await Truncated());
    }

    [Fact]
    public async Task A_text_of_any_script_is_cut_to_what_the_provider_takes_and_none_is_refused()
    {
        await using var fake = await FakeOpenAi.StartAsync(new() { MaxInputTokens = TokenCounter.MaxInput });
        var engine = await Engine("truncate", maxCharacters: 100_000, fake: fake);
        string[] texts = [Scripts.Base64(60_000), .. _scripts.Select(script => Scripts.Of(script, 60_000))];
        for (var i = 0; i < texts.Length; i++)
        {
            await Note(i, texts[i]);
        }

        var run = await Run(engine);

        Assert.Equal((texts.Length, 0), (run.Counts.Embedded, run.Counts.Failed));
        Assert.All(fake.Requests, request => Assert.Equal(200, request.Status));
        Assert.All(fake.PaidInputs.Keys, sent => Assert.InRange(FakeTokens.Count(sent), TokenCounter.MaxInput - 4, TokenCounter.MaxInput));
    }

    [Fact]
    public async Task Another_length_makes_again_only_what_it_changes()
    {
        await Note(1, "short");
        await Note(2, "0123456789abc");
        await Run(await Engine("truncate", maxCharacters: 10));

        var run = await Run(await Engine("truncate", maxCharacters: 12));

        Assert.Equal((1, 1), (run.Counts.Unchanged, run.Counts.Embedded));
        Assert.Equal([null, 1], await Truncated());
    }

    [Fact]
    public async Task A_text_that_is_too_long_fails_without_a_request_until_it_is_edited()
    {
        var engine = await Engine("fail");
        await Note(1, string.Concat(Enumerable.Repeat(" one", TokenCounter.MaxInput)));
        await Note(2, string.Concat(Enumerable.Repeat(" two", TokenCounter.MaxInput + 1)));

        var run = await Run(engine);

        Assert.Equal((1, 1, 1), (run.Counts.Embedded, run.Counts.Failed, _fake.PaidInputCount));
        var (reason, isDead) = await Failure();
        Assert.StartsWith("the text is too long: 8,192 tokens, of which the model takes 8,191;", reason, StringComparison.Ordinal);
        Assert.True(isDead);
        Assert.Equal(0, (await Run(engine)).ItemsTotal);
        await Note(2, "short");
        Assert.Equal(1, (await Run(engine)).Counts.Embedded);
        Assert.Equal(0, await Count("embedding.failures"));
    }

    [Fact]
    public async Task Chunks_and_their_mean_are_those_of_the_text()
    {
        var engine = await Engine("chunk", _chunks);
        await Note(1, Long("a"));
        await Note(2, "short");
        await Note(3, "");

        var run = await Run(engine);

        Assert.Equal((2, 1, 1), (run.Counts.Embedded, run.Counts.Empty, run.Counts.Requests));
        await AssertTrue();
        Assert.Equal((1L, 0L), (await Count("note_chunks WHERE document_id = 2"), await Count("note_chunks WHERE document_id = 3")));
        Assert.Equal(1, await _database.Ask<double>("SELECT vector_norm(embedding) FROM notes WHERE id = 1"), 5);
        Assert.Equal(
            0,
            await Count(
                "note_chunks k JOIN notes n ON n.id = document_id WHERE substr(n.title, start_char + 1, end_char - start_char) <> "
                    + "k.content"));
    }

    [Fact]
    public async Task An_edit_pays_for_the_chunks_that_it_changes_and_the_old_ones_go()
    {
        var engine = await Engine("chunk", _chunks);
        await Note(1, Long("a"));
        await Run(engine);
        var (chunks, paid) = (await Count("note_chunks"), _fake.PaidInputCount);

        await Note(1, $"{Long("a")} And so on.");
        await Run(engine);
        await AssertTrue();
        Assert.InRange(_fake.PaidInputCount - paid, 1, 2);
        Assert.True(chunks > 5);

        await Note(1, "short");
        await Run(engine);
        Assert.Equal(1, await Count("note_chunks"));
        await Note(1, "");
        await Run(engine);
        Assert.Equal(0, await Count("note_chunks"));
        Assert.Equal(0, _fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task An_edit_during_the_call_writes_neither_chunks_nor_vector()
    {
        var engine = await Engine("chunk", _chunks);
        await Note(1, Long("a"));
        await Note(2, Long("b"));
        var hold = _fake.Hold();
        var run = Run(engine);
        await _fake.WaitForRequestsAsync(1);
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
        var engine = await Engine("chunk", _chunks);
        await Note(1, Long("a"));
        var run = await _database.Ask<Guid>(
            "INSERT INTO embedding.jobs (id, corpus, kinds) VALUES (gen_random_uuid(), 'notes', '{}') RETURNING id");
        using var hold = _fake.Hold();
        var batch = engine.Get<BatchEmbedder>().Embed(new EmbedBatch(run, Guid.CreateVersion7(), "notes", "note", "", 20, null), default);
        await _fake.WaitForRequestsAsync(1);
        await _database.Execute("UPDATE embedding.claims SET token = gen_random_uuid()");
        hold.Dispose();

        Assert.Equal(0, (await batch).Counts.Embedded);

        Assert.Equal(
            (1L, 0L, 0L),
            (_fake.PaidInputCount > 0 ? 1L : 0L, await Count("notes WHERE embedding IS NOT NULL"), await Count("note_chunks")));
    }

    [Fact]
    public async Task A_chunk_that_is_refused_fails_its_item_alone_and_the_reason_names_it()
    {
        var engine = await Engine("chunk", _chunks);
        await Note(1, $"{Long("a")} poison");
        await Note(2, Long("b"));
        using var bad = _fake.Script(Requests.WithInput(text => text.EndsWith("poison", StringComparison.Ordinal)), Fault.BadInput());

        var run = await Run(engine);

        Assert.Equal((1, 1), (run.Counts.Embedded, run.Counts.Failed));
        Assert.Matches("^chunk (\\d+) of \\1: ", (await Failure()).Reason);
        Assert.Equal(0, await Count("note_chunks WHERE document_id = 1"));
    }

    [Fact]
    public async Task A_failed_an_ignored_and_a_deleted_item_have_no_chunks()
    {
        var engine = await Engine("chunk", _chunks);
        await Note(1, "one");
        await Note(2, "two");
        await Note(3, "three");
        await Run(engine);
        await Note(1, "bad one");
        await Note(2, "bad two");
        await _database.Execute("DELETE FROM notes WHERE id = 3");
        using var bad = _fake.Script(Requests.WithInput(text => text.StartsWith("bad", StringComparison.Ordinal)), Fault.BadInput());
        for (var attempt = 0; attempt < 3; attempt++)
        {
            await Run(engine);
            await _database.Execute("UPDATE embedding.claims SET retry_at = now() WHERE retry_at IS NOT NULL AND item_id = '1'");
        }

        Assert.Equal(2, await _database.Ask<long>("SELECT document_id FROM note_chunks"));
        Assert.Equal(1, (await engine.Get<FailedItems>().Ignore("notes", new FailureChoice([("note", "2")]), default)).Ignored);
        Assert.Equal(0, await Count("note_chunks"));
    }

    [Fact]
    public async Task Texts_that_are_long_together_are_several_batches()
    {
        var engine = await Engine("truncate", maxCharacters: 100);
        await _database.Execute(
            $"INSERT INTO notes SELECT n, n || repeat('x', {ClaimStore.MaxCharacters / 2}) FROM generate_series(1, 5) n");

        var run = await Run(engine);

        Assert.Equal((5, 5L), (run.Counts.Embedded, await Count("embedding.batches WHERE embedded > 0")));
    }

    [Fact]
    public async Task Texts_that_make_many_chunks_together_are_several_batches()
    {
        // Two of them would make more than 2,000 chunks; all together are far from the characters that a batch may hold.
        var engine = await Engine("chunk", _chunks);
        await _database.Execute("INSERT INTO notes SELECT n, n || repeat(' word', 26000) FROM generate_series(1, 5) n");

        var run = await Run(engine);

        Assert.Equal((5, 5L), (run.Counts.Embedded, await Count("embedding.batches WHERE embedded > 0")));
    }

    [Fact]
    public async Task Many_chunks_are_written_in_parts_and_the_vector_of_their_item_last()
    {
        var engine = await Engine("chunk", _chunks);
        await _database.Execute(
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
                await _database.Ask<long>("SELECT max(rows) FROM writes"),
                await _database.Ask<bool>("SELECT bool_or(is_embedded) FROM writes WHERE rows > 0")));
        await AssertTrue();
    }

    [Fact]
    public async Task An_edit_between_two_parts_leaves_no_chunk_of_another_text_behind_that_passes_for_true()
    {
        var engine = await Engine("chunk", _chunks);
        await Note(1, "first");
        await Run(engine);
        await Note(1, VeryLong("a"));
        await _database.Execute(
            """
            CREATE FUNCTION edit() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF (SELECT count(*) FROM note_chunks) BETWEEN 2 AND 300 THEN UPDATE notes SET title = 'first' WHERE id = 1; END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER edit AFTER INSERT ON note_chunks FOR EACH STATEMENT EXECUTE FUNCTION edit();
            """);

        await Run(engine);

        Assert.Equal("first", await _database.Ask<string>("SELECT title FROM notes"));
        Assert.Equal("first", Assert.Single(await Chunks(1)).Content);
        await AssertTrue();
    }

    [Fact]
    public async Task A_lease_that_is_lost_between_two_parts_writes_no_more()
    {
        var engine = await Engine("chunk", _chunks);
        await Note(1, VeryLong("a"));
        await _database.Execute(
            """
            CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE embedding.claims SET token = gen_random_uuid();
                RETURN NULL; END $$;
            CREATE TRIGGER lose AFTER INSERT ON note_chunks FOR EACH STATEMENT EXECUTE FUNCTION lose();
            """);
        var run = await _database.Ask<Guid>(
            "INSERT INTO embedding.jobs (id, corpus, kinds) VALUES (gen_random_uuid(), 'notes', '{}') RETURNING id");

        var batch = await engine.Get<BatchEmbedder>()
            .Embed(new EmbedBatch(run, Guid.CreateVersion7(), "notes", "note", "", 20, null), default);

        Assert.Equal(
            (0, 0L, (long)ChunkWrite.Part),
            (batch.Counts.Embedded, await Count("notes WHERE embedding IS NOT NULL"), await Count("note_chunks")));
    }

    [Fact]
    public async Task A_text_of_more_chunks_than_a_document_may_have_fails_with_the_reason_and_nothing_is_sent()
    {
        var engine = await Engine("chunk", new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 });
        await _database.Execute(
            $"INSERT INTO notes VALUES (1, repeat('eight words of a text that is long ', {7 * TextChunks.MostChunks}))");

        Assert.Equal(1, (await Run(engine)).Counts.Failed);

        var (reason, isDead) = await Failure();
        Assert.Contains("it makes more than 20,000 chunks of 50 tokens", reason, StringComparison.Ordinal);
        Assert.Equal((true, 0), (isDead, _fake.RequestCount));
    }

    [Fact]
    public async Task From_one_mode_to_another_nothing_stale_stays()
    {
        await Note(1, Long("a"));
        await Note(2, "short");
        await Run(await Engine("truncate", maxCharacters: 2_000));
        await Run(await Engine("chunk", _chunks));
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
        await Run(await Engine("chunk", _chunks));
        await _database.Execute("DROP TABLE note_chunks");

        await Run(await Engine("chunk", _chunks));

        Assert.True(await Count("note_chunks") > 5);
        await AssertTrue();
        Assert.Equal(0, _fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task Down_takes_the_table_of_chunks_and_a_foreign_one_is_refused()
    {
        var engine = await Engine("chunk", _chunks);
        Assert.Contains("the table note_chunks", await engine.Get<CorpusRemoval>().Plan("notes", default));
        await engine.Get<CorpusRemoval>().Remove("notes", null, default);
        Assert.Null(await _database.Ask<string>("SELECT to_regclass('note_chunks')::text"));

        await _database.Execute("CREATE TABLE note_chunks (id int)");
        Assert.Contains(
            "drop it and migrate again", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => Engine("chunk", _chunks))).Message,
            StringComparison.Ordinal);
        Assert.Equal(0, await Count("pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'embedding'"));
    }

    private async Task<TestEngine> Engine(string longText, object? chunks = null, int maxCharacters = 2_000, FakeOpenAi? fake = null)
    {
        var file = Path.GetTempFileName();
        object table = chunks is null
            ? new { kind = "note", table = "notes", text = "{title}", longText }
            : new { kind = "note", table = "notes", text = "{title}", longText, chunks };
        await File.WriteAllTextAsync(file, System.Text.Json.JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new { name = "notes", dimensions = Dimensions, maxCharacters, startsPerMinute = 1_000, tables = new[] { table } }
            },
        }));
        var engine = new TestEngine(_database, fake ?? _fake, settings => settings with { CorporaFile = file });
        _engines.Add(engine);
        await engine.Get<Migrator>().Migrate(engine.Get<CorpusSet>().Get("notes"), withSampleTables: false, null, default);
        return engine;
    }

    private static Task<RunOutcome> Run(TestEngine engine) => engine.Run(new RunRequest("notes", []));

    private static string VeryLong(string word) => string.Join(' ', Enumerable.Range(1, 5_000).Select(n => $"{word} sentence number {n}."));

    private static string Long(string word) => string.Join(' ', Enumerable.Range(1, 60).Select(n => $"{word} sentence number {n}."));

    private Task Note(long id, string text) =>
        _database.Execute("INSERT INTO notes VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title", id, text);

    private Task<long> Count(string from) => _database.Ask<long>($"SELECT count(*) FROM {from}");

    private async Task<(string? Reason, bool IsDead)> Failure()
    {
        var row = Assert.Single(await _database.Rows("SELECT reason, is_dead FROM embedding.failures"));
        return ((string?)row[0], (bool)row[1]!);
    }

    private async Task<IEnumerable<int?>> Truncated() =>
        (await _database.Rows("SELECT embedding_truncated FROM notes ORDER BY id")).Select(row => (int?)row[0]);

    private async Task<List<(string Content, float[] Vector)>> Chunks(long id) =>
        (await _database.Rows("SELECT content, embedding::real[] FROM note_chunks WHERE document_id = $1 ORDER BY chunk_index", id))
        .Select(row => ((string)row[0]!, (float[])row[1]!)).ToList();

    // The oracle: vectors are a function of the text, and the whole's is the mean of its chunks' by their length.
    private async Task AssertTrue()
    {
        foreach (var row in await _database.Rows("SELECT id, title, embedding::real[] FROM notes WHERE embedding IS NOT NULL"))
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

    private static void AssertSame(float[] expected, float[] found) =>
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
}
