using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>All shipped corpora side by side: one database, one host, each by its own declaration.</summary>
public sealed class FiveCorporaTests : IAsyncLifetime
{
    private static readonly string[] _corpora = ["workspace", "sessions", "summaries", "clips", "documents"];

    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;
    private Program _program = null!;

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync(new() { Latency = TimeSpan.FromMilliseconds(50) });
        _database = await TestDatabase.Migrated();
        _program = new Program(_database, _fake).Set("EMBEDDING_CONCURRENCY", "16");
        foreach (var corpus in _corpora)
        {
            (await _program.Run("migrate", corpus, "--with-sample-tables")).Exits(0);
        }

        var workspace = new TestWorkspace(_database);
        await workspace.Items(await workspace.Repository(), 90);
        await _database.Execute(
            """
            INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 33) n;
            INSERT INTO summaries (title, tldr) SELECT 'summary ' || n, 'in short' FROM generate_series(1, 22) n;
            INSERT INTO clips (title, broadcaster_name, creator_name) SELECT 'clip ' || n, 'ninja', 'bob' FROM generate_series(1, 120) n;
            INSERT INTO clips (title, broadcaster_name, creator_name, created_at) SELECT 'old clip ' || n, 'ninja', 'bob', now() - interval
                '8 days' FROM generate_series(1, 5) n;
            INSERT INTO lovdata_documents (archive_filename, member, content) SELECT 'laws.tar.bz2', n || '.xml', 'section ' || n FROM
                generate_series(1, 50) n;
            """);
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    [Fact]
    public async Task One_host_serves_all_five_each_on_its_own_schedule_limits_and_dimensions()
    {
        await using (var server = await Server.Start(_program))
        {
            await Waiting.Until(
                async () =>
                    await _database.Ask<long>(
                        "SELECT count(DISTINCT corpus) FROM embedding.jobs WHERE completed_at IS NOT NULL AND due_at IS NOT "
                            + "NULL") == _corpora.Length);
            Assert.True((await server.Get("/api/embeddings/health")).GetProperty("isHealthy").GetBoolean());
            Assert.Equal(
                _corpora,
                (await server.Get("/api/embeddings/status")).GetProperty("corpora").EnumerateArray()
                    .Select(corpus => corpus.GetProperty("corpus").GetString()));
        }

        // Of the clips no more than a scheduled run takes, and none of the old ones.
        Assert.Equal(
            [["workspace", 90L, 384], ["sessions", 33L, 1536], ["summaries", 22L, 1536], ["clips", 100L, 768], ["documents", 50L, 1536]],
            await _database.Rows(
                """
                SELECT 'workspace', count(embedding), min(vector_dims(embedding)) FROM issues
                UNION ALL SELECT 'sessions', count(title_embedding), min(vector_dims(title_embedding)) FROM sessions
                UNION ALL SELECT 'summaries', count(content_embedding), min(vector_dims(content_embedding)) FROM summaries
                UNION ALL SELECT 'clips', count(embedding), min(vector_dims(embedding)) FROM clips WHERE title NOT LIKE 'old%'
                UNION ALL SELECT 'documents', count(embedding), min(vector_dims(embedding)) FROM lovdata_documents
                """));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM clips WHERE title LIKE 'old%' AND embedding IS NOT NULL"));
        Assert.Equal(55, await _database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'completed'"));
        Assert.Equal(0, await _database.Ask<long>(
            """
            SELECT count(*) FROM embedding.jobs
            WHERE  due_at IS NOT NULL AND (status <> 'completed' OR date_trunc('minute', due_at) <> due_at OR extract(minute FROM
                due_at)::int % 15 <> 0
            OR     corpus = 'clips' AND (extract(hour FROM due_at AT TIME ZONE 'UTC')::int % 6 <> 0 OR extract(minute FROM due_at) <> 0))
            """));
        Assert.Equal(0, _fake.DuplicatePaidInputs);
    }

    [Fact]
    public async Task What_one_corpus_does_not_have_in_order_keeps_no_other_from_its_vectors()
    {
        await _database.Execute("DROP TABLE lovdata_documents");

        await using var server = await Server.Start(_program);

        await server.Process.Says("The schedule waits: ");
        await Waiting.Until(
            async () =>
                await _database.Ask<long>(
                    "SELECT count(DISTINCT corpus) FROM embedding.jobs WHERE completed_at IS NOT NULL AND due_at IS NOT "
                        + "NULL") == _corpora.Length - 1);
        Assert.Equal(33, await _database.Ask<long>("SELECT count(title_embedding) FROM sessions"));
    }
}
