using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Switching;

namespace EmbeddingFunctions.Core.Tests.Switching;

/// <summary>What an owner built on the column of the vectors, and whom it was shown to.</summary>
public sealed class OwnersColumnTests : ColumnSwitchTest, IAsyncLifetime
{
    private readonly string _role = $"reader_{Guid.NewGuid():N}";

    async Task IAsyncLifetime.DisposeAsync()
    {
        await Database.Execute($"DROP OWNED BY {_role}; DROP ROLE {_role}");
        await DisposeAsync();
    }

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        await Database.Execute($"CREATE ROLE {_role}");
    }

    [Fact]
    public async Task A_view_reads_the_living_vectors_in_its_place_with_its_rights_and_what_was_built_on_it()
    {
        await Database.Execute(
            $"""
            CREATE VIEW shown WITH (security_barrier = true) AS SELECT id, embedding AS v, content_hash FROM notes WHERE id > 10;
            CREATE VIEW counted AS SELECT count(v) AS n FROM shown;
            GRANT SELECT ON shown, counted TO {_role};
            """);
        await using var corpus = await Filled(Old, "about {title}");
        await Flip(corpus);

        Assert.Equal(0, await Database.Ask<long>(
            "SELECT count(*) FROM notes JOIN shown USING (id) WHERE notes.embedding IS DISTINCT FROM shown.v OR notes.content_hash <> "
                + "shown.content_hash"));
        Assert.Equal(50, await Database.Ask<long>("SELECT n FROM counted"));
        Assert.True(await Database.Ask<bool>($"SELECT has_table_privilege('{_role}', 'shown', 'SELECT')"));
        Assert.Equal("{security_barrier=true}", await Database.Ask<string>(
            "SELECT reloptions::text FROM pg_class WHERE relname = 'shown'"));
    }

    [Theory]
    [InlineData("CREATE VIEW shown AS SELECT embedding FROM notes", "The view public.shown")]
    [InlineData("CREATE MATERIALIZED VIEW shown AS SELECT embedding FROM notes", "materialized view shown")]
    [InlineData("ALTER TABLE notes ADD COLUMN n real GENERATED ALWAYS AS (vector_norm(embedding)) STORED", "default value for column n")]
    [InlineData("ALTER TABLE notes ADD CONSTRAINT norm CHECK (vector_norm(embedding) < 2)", "constraint norm on table notes")]
    public async Task What_would_go_on_with_the_old_vectors_keeps_a_flip_from_being_made(string sql, string named)
    {
        await Database.Execute(sql);
        await using var corpus = await Filled();

        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => Flip(corpus));

        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
        Assert.Equal([(Old, 60)], await Read());
        Assert.Equal(1, (await corpus.Get<GenerationSwitch>().State("notes", isMeasured: false, default))!.Live.Number);
    }

    [Fact]
    public async Task Who_may_read_the_column_may_read_it_after_the_flip_and_who_may_write_it_may_fill_the_next()
    {
        await Database.Execute($"GRANT SELECT (id, embedding), UPDATE (embedding, content_hash) ON notes TO {_role}");
        await using var corpus = await Filled();
        Assert.True(await Database.Ask<bool>($"SELECT has_column_privilege('{_role}', 'notes', 'embedding_g2', 'UPDATE')"));

        await Flip(corpus);

        Assert.True(await Database.Ask<bool>(
            $"SELECT has_column_privilege('{_role}', 'notes', 'embedding', 'SELECT') AND has_column_privilege('{_role}', 'notes', "
                + "'content_hash', 'UPDATE') AND NOT has_column_privilege('" + _role + "', 'notes', 'embedding_model', 'SELECT')"));
    }

    [Fact]
    public async Task A_flip_waits_for_a_reader_and_keeps_no_one_waiting_for_long()
    {
        await using var corpus = await Filled();
        await using var owner = await Database.Source.OpenConnectionAsync();
        var reading = await owner.BeginTransactionAsync();
        await owner.ExecuteAsync($"SELECT count(embedding) FROM notes", default);
        var flip = Flip(corpus);

        for (var i = 0; i < 5; i++)
        {
            var begun = TimeProvider.System.GetTimestamp();
            await Database.Execute("UPDATE notes SET title = title || '.' WHERE id = 1");
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(5));
            await Task.Delay(300);
        }

        Assert.False(flip.IsCompleted);
        Assert.Equal([(Old, 60)], await Read());
        await reading.CommitAsync();
        await flip;
        Assert.Equal([(New, 60)], await Read());
    }

    [Fact]
    public async Task Chunks_go_with_their_generation()
    {
        DeclaredCorpus Articles(int dimensions, int tokens) => new(Database.Source, new
        {
            name = "articles",
            dimensions,
            startsPerMinute = 1_000,
            tables = new[]
            {
                new
                {
                    kind = "article",
                    table = "articles",
                    text = "{body}",
                    longText = "chunk",
                    chunks = new { table = "article_chunks", maxTokens = tokens, overlapTokens = 0 },
                },
            },
        });
        await Database.Execute(
            "CREATE TABLE articles (id bigint PRIMARY KEY, body text); INSERT INTO articles SELECT n, repeat('Words of ' || n || '. ', 80) "
                + "FROM generate_series(1, 5) n");
        await using var before = Articles(Old, 100);
        await before.MigrateAndRun();
        await Database.Execute($"GRANT SELECT ON article_chunks TO {_role}");
        await using var after = Articles(New, 50);
        var generations = after.Get<GenerationSwitch>();
        await after.Run(name: (await generations.Begin("articles", null, default)).Name);
        var (old, next) = (await Chunks("article_chunks"), await Chunks("article_chunks_g2"));

        await generations.Flip("articles", null, default);
        Assert.Equal((next, old), (await Chunks("article_chunks"), await Chunks("article_chunks_g1")));
        Assert.True(await Database.Ask<bool>($"SELECT has_table_privilege('{_role}', 'article_chunks', 'SELECT')"));
        await Database.Execute("UPDATE articles SET body = 'short' WHERE id = 1");
        Assert.Equal(1, (await after.Run(name: "articles@2")).Counts.Embedded);
        await generations.Finish("articles", isGivenUp: false, null, default);

        Assert.Null(await Database.Ask<string>("SELECT to_regclass('article_chunks_g1')::text"));
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM article_chunks WHERE document_id = 1"));
        await Database.Execute("DELETE FROM articles WHERE id = 2");
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM article_chunks WHERE document_id = 2"));
    }

    private async Task<string?> Chunks(string table) => await Database.Ask<string>(
        $"SELECT count(*) || ' of ' || min(vector_dims(embedding)) || ' to ' || max(vector_dims(embedding)) FROM {table}");
}
