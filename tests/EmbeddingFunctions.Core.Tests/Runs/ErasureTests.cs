using System.Text.Json;
using EmbeddingFunctions.Caching;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Redis;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Runs;

/// <summary>Of an erased item nothing is left but the row, which is its owner's.</summary>
public sealed class ErasureTests : IAsyncLifetime
{
    private readonly string _file = Path.GetTempFileName();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private TestEngine _engine = null!;
    private string _secret = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Empty();
        _secret = $"the private words of {Guid.NewGuid()}";
        await _database.Execute(
            $"""
            CREATE TABLE notes (id int PRIMARY KEY, tenant int NOT NULL DEFAULT 1, title text);
            INSERT INTO notes (id, title) SELECT 1, string_agg('{_secret}, part ' || n, '. ') FROM generate_series(1, 40) n;
            INSERT INTO notes (id, title) VALUES (2, 'another note');
            """);
        File.WriteAllText(_file, JsonSerializer.Serialize(new
        {
            corpora = new[]
            {
                new
                {
                    name = "notes", dimensions = 16, store = "column", startsPerMinute = 1_000, similarityCache = true,
                    tables = new[]
                    {
                        new
                        {
                            kind = "note", table = "notes", partition = "tenant", text = "{title}", queue = "content", longText = "chunk",
                            chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 },
                        },
                    },
                    partitions = new { table = "notes", column = "tenant" },
                },
            },
        }));
        _engine = Engine(redis: null);
        await _engine.Get<Migrator>().Migrate(_engine.Get<CorpusSet>().Get("notes"), withSampleTables: false, null, default);
    }

    public async Task DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
        File.Delete(_file);
    }

    [Fact]
    public async Task Of_an_item_all_goes_and_of_others_nothing()
    {
        await Run();
        var before = await Left(2);
        Assert.True(await Cached() > 2);

        var kept = await _engine.Get<Erasure>().Forget("notes", "note", "1", default);

        Assert.Equal((true, true, true, 1, 1), (kept.HasRow, kept.HasVector, kept.Chunks > 1, kept.QueueRows, kept.Copies));
        Assert.Equal((0L, 0L, 0L, 0L), await Left(1));
        Assert.Equal(before, await Left(2));
        // The other note's.
        Assert.Equal(1, await Cached());
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM notes WHERE id = 1 AND title LIKE '%private%'"));
    }

    [Fact]
    public async Task Its_row_gets_no_vector_until_its_text_changes()
    {
        await Run();
        await _engine.Get<Erasure>().Forget("notes", "note", "1", default);
        var requests = _fake.RequestCount;

        await Run();
        await Run();
        Assert.Equal((requests, 0L), (_fake.RequestCount, await _database.Ask<long>("SELECT count(embedding) FROM notes WHERE id = 1")));

        await _database.Execute("UPDATE notes SET title = 'other words' WHERE id = 1");
        Assert.Equal(1, (await Run()).Counts.Embedded);
    }

    [Fact]
    public async Task What_was_asked_to_be_embedded_in_its_place_goes_too()
    {
        await _database.Execute("UPDATE embedding_queue SET content = 'a wish of its user' WHERE record_id = '1'");
        await Run();
        Assert.Contains("a wish of its user", _fake.PaidInputs.Keys);

        await _engine.Get<Erasure>().Forget("notes", "note", "1", default);

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM notes WHERE embedding_content LIKE '%wish%'"));
        Assert.Equal(1, await Cached());
        Assert.Equal(0, (await Run()).Counts.Embedded);
    }

    [Fact]
    public async Task A_deleted_row_leaves_nothing_either()
    {
        await Run();
        await _database.Execute("DELETE FROM notes WHERE id = 1");

        var kept = await _engine.Get<Erasure>().Forget("notes", "note", "1", default);

        Assert.Equal((false, 1, 1), (kept.HasRow, kept.QueueRows, kept.Copies));
        Assert.Equal((0L, 0L, 0L, 0L), await Left(1));
        Assert.Equal(new KeptOfItem(false, false, 0, 0, 0, 0), await _engine.Get<Erasure>().Find("notes", "note", "1", default));
    }

    [Fact]
    public async Task Its_failure_goes_and_what_a_run_said_of_it()
    {
        await _database.Execute("DELETE FROM notes WHERE id = 2");
        using (_fake.Script(Requests.All, Fault.BadInput()))
        {
            await Run();
        }

        var reason = await _database.Ask<string>("SELECT reason FROM embedding.claims");
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE strpos(error_message, $1) > 0", reason));

        Assert.Equal(1, (await _engine.Get<Erasure>().Forget("notes", "note", "1", default)).Failures);

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.claims"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE strpos(error_message, $1) > 0", reason));
    }

    [Fact]
    public async Task Its_cached_vectors_go_from_Redis_too_and_without_Redis_nothing_does()
    {
        await using (var engine = Engine(TestRedis.Url))
        {
            await TestRedis.Connected(engine.Get<RedisConnection>());
            await engine.Run(new RunRequest("notes", [], Concurrency: 2));
            var fingerprint = await _database.Rows("SELECT content FROM note_chunks WHERE document_id = 1");
            var table = (await engine.Get<ResolvedCorpora>().Get("notes", default)).TableOf("note");
            var prints = fingerprint.Select(row => table.Rule.Fingerprint((string)row[0]!)).Distinct().ToList();
            Assert.Equal(prints.Count, (await engine.Get<IVectorCache>().Find(prints, 16, null, default)).Count);

            await using (var away = Engine("redis://127.0.0.1:1"))
            {
                await Assert.ThrowsAsync<DatabaseNotReadyException>(() => away.Get<Erasure>().Forget("notes", "note", "1", default));
            }

            Assert.Equal(1, await _database.Ask<long>("SELECT count(embedding) FROM notes WHERE id = 1"));
            await engine.Get<Erasure>().Forget("notes", "note", "1", default);
            Assert.Empty(await engine.Get<IVectorCache>().Find(prints, 16, null, default));
        }
    }

    [Theory]
    [InlineData("note", "x", "'x' is no id of a note")]
    [InlineData("memo", "1", "has no kind 'memo': it has note")]
    public async Task What_cannot_be_meant_is_refused(string kind, string id, string told) =>
        Assert.Contains(
            told, (await Assert.ThrowsAnyAsync<CorpusException>(() => _engine.Get<Erasure>().Find("notes", kind, id, default))).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task An_item_that_a_run_holds_is_left_to_it()
    {
        await Run();
        await _database.Execute(
            "INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until) VALUES ('notes', 'note', '1', '1', "
                + "gen_random_uuid(), now() + interval '1 minute')");

        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(
            () => _engine.Get<Erasure>().Forget("notes", "note", "1", default));

        Assert.Contains("A run is processing note:1", refused.Message, StringComparison.Ordinal);
        Assert.True(await Cached() > 2, "Its cached vectors are gone though the run may write them.");
        Assert.Equal(1, await _database.Ask<long>("SELECT count(embedding) FROM notes WHERE id = 1"));
    }

    private TestEngine Engine(string? redis) => new(_database, _fake, settings => settings with { CorporaFile = _file, RedisUrl = redis });

    private Task<RunOutcome> Run() => _engine.Run(new RunRequest("notes", [], Concurrency: 2));

    private Task<long> Cached() => _database.Ask<long>("SELECT count(*) FROM embedding.cache");

    private async Task<(long Vectors, long Chunks, long Queued, long Copies)> Left(int id)
    {
        var row = (await _database.Rows(
            """
            SELECT (SELECT count(embedding) FROM notes WHERE id = $1), (SELECT count(*) FROM note_chunks WHERE document_id = $1),
                   (SELECT count(*) FROM embedding_queue WHERE record_id = $1::text), (SELECT count(*) FROM similarity_cache WHERE item_id =
                       $1::text)
            """, id))[0];
        return ((long)row[0]!, (long)row[1]!, (long)row[2]!, (long)row[3]!);
    }
}
