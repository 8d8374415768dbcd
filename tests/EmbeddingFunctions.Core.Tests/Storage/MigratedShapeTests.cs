using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What a database that was migrated for the shipped corpus looks like from outside.</summary>
public sealed class MigratedShapeTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Migrated();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task The_view_of_pending_items_has_the_columns_that_people_query_in_their_order()
    {
        var columns = await Columns("items_needing_embeddings_priority");

        Assert.Equal(
            [
                ("item_type", "text"), ("id", "text"), ("repository_id", "uuid"), ("title", "text"), ("body", "text"),
                ("created_at", "timestamp with time zone"), ("updated_at", "timestamp with time zone"),
                ("embedding_generated_at", "timestamp with time zone"), ("content_hash", "text"), ("priority_score", "integer"),
            ],
            columns);
    }

    [Fact]
    public async Task The_view_gives_issues_first_then_the_newest()
    {
        var workspace = new TestWorkspace(_database);
        var repository = await workspace.Repository();
        var now = DateTimeOffset.UtcNow;
        await workspace.Item(repository, "old issue", updatedAt: now.AddDays(-9));
        await workspace.Item(repository, "new discussion", table: "discussions", updatedAt: now.AddDays(-1));
        await workspace.Item(repository, "newer pull request", table: "pull_requests", updatedAt: now.AddHours(-1));
        await workspace.Item(await workspace.Repository("acme/asleep", isActive: false), "unseen");

        var rows = await _database.Rows("SELECT title, priority_score FROM items_needing_embeddings_priority");

        Assert.Equal(
            [("old issue", 3), ("newer pull request", 2), ("new discussion", 2)], rows.Select(row => ((string)row[0]!, (int)row[1]!)));
    }

    [Theory]
    [InlineData("issues")]
    [InlineData("pull_requests")]
    [InlineData("discussions")]
    public async Task A_table_of_the_corpus_has_the_columns_that_a_vector_needs(string table)
    {
        var columns = await Columns(table);

        Assert.Equal(
            [
                ("content_hash", "text"), ("embedding", "vector(384)"), ("embedding_generated_at", "timestamp with time zone"),
                ("embedding_model", "text"), ("embedding_rule", "text"), ("embedding_state", "text"),
                ("embedding_truncated", "integer"),
            ],
            columns.Where(column => column.Name.StartsWith("embedding", StringComparison.Ordinal) || column.Name == "content_hash")
                .Order());
    }

    [Theory]
    [InlineData("issues")]
    [InlineData("pull_requests")]
    [InlineData("discussions")]
    public async Task Vectors_are_indexed_by_cosine_distance(string table)
    {
        var index = await _database.Ask<string>("SELECT indexdef FROM pg_indexes WHERE tablename = $1 AND indexdef LIKE '%hnsw%'", table);

        Assert.Equal(
            $"CREATE INDEX embedding_hnsw_{table} ON public.{table} USING hnsw (embedding vector_cosine_ops) WITH (m='16', "
                + "ef_construction='64')",
            index);
    }

    [Fact]
    public async Task Jobs_have_the_columns_of_the_old_system()
    {
        var columns = await Columns("embedding.jobs");

        Assert.Superset(
            new HashSet<(string, string)>
            {
                ("id", "uuid"), ("repository_id", "uuid"), ("status", "text"), ("items_total", "integer"), ("items_processed", "integer"),
                ("error_message", "text"), ("started_at", "timestamp with time zone"), ("completed_at", "timestamp with time zone"),
                ("created_at", "timestamp with time zone"), ("updated_at", "timestamp with time zone"),
            },
            columns.ToHashSet());
    }

    [Fact]
    public async Task A_job_over_a_repository_shows_the_repository()
    {
        var repository = Guid.NewGuid();
        await _database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, partition, kinds) VALUES ($1, 'workspace', $2, '{}')", Guid.NewGuid(),
            repository.ToString());
        await _database.Execute(
            "INSERT INTO embedding.jobs (id, corpus, partition, kinds) VALUES ($1, 'notes', 'no uuid', '{}')", Guid.NewGuid());

        Assert.Equal(repository, await _database.Ask<Guid>("SELECT repository_id FROM embedding.jobs WHERE corpus = 'workspace'"));
        Assert.True(await _database.Ask<bool>("SELECT repository_id IS NULL FROM embedding.jobs WHERE corpus = 'notes'"));
    }

    [Fact]
    public async Task The_cache_has_the_columns_of_the_old_system_and_one_entry_an_item()
    {
        Assert.Equal(
            [
                ("id", "uuid"), ("repository_id", "uuid"), ("item_type", "text"), ("item_id", "text"), ("embedding", "vector(384)"),
                ("content_hash", "text"),
                ("ttl_hours", "integer"), ("created_at", "timestamp with time zone"), ("accessed_at", "timestamp with time zone"),
                ("access_count", "integer"),
            ],
            await Columns("similarity_cache"));
        Assert.Equal(1, await _database.Ask<long>(
            "SELECT count(*) FROM pg_indexes WHERE tablename = 'similarity_cache' AND indexdef LIKE '%UNIQUE%(repository_id, item_type, "
                + "item_id)'"));
    }

    [Fact]
    public async Task A_look_at_the_cache_is_counted()
    {
        var id = await Entry("issue");

        await _database.Execute("SELECT increment_cache_access($1)", id);

        Assert.Equal(2, await _database.Ask<int>("SELECT access_count FROM similarity_cache WHERE id = $1", id));
        Assert.True(await _database.Ask<bool>("SELECT accessed_at > created_at FROM similarity_cache WHERE id = $1", id));
    }

    [Fact]
    public async Task The_cache_forgets_what_is_past_its_time()
    {
        var young = await Entry("issue", ageInHours: 167);
        await Entry("pull_request", ageInHours: 169);

        Assert.Equal(1, await _database.Ask<int>("SELECT cleanup_expired_cache()"));
        Assert.Equal(young, await _database.Ask<Guid>("SELECT id FROM similarity_cache"));
        Assert.Equal(0, await _database.Ask<int>("SELECT cleanup_expired_cache()"));
    }

    [Fact]
    public async Task The_cache_tells_how_it_is_used()
    {
        await _database.Execute("SELECT increment_cache_access($1)", await Entry("issue"));
        await Entry("pull_request", ageInHours: 500);

        var row = Assert.Single(await _database.Rows(
            "SELECT total_entries, total_repositories, avg_access_count, oldest_entry < newest_entry, expired_entries FROM "
                + "get_cache_statistics()"));

        Assert.Equal([2L, 2L, 1.50m, true, 1L], row);
    }

    private async Task<Guid> Entry(string type, int ageInHours = 0) => await _database.Ask<Guid>(
        """
        INSERT INTO similarity_cache (repository_id, item_type, item_id, embedding, content_hash, created_at)
        VALUES (gen_random_uuid(), $1, '1', array_fill(0.1, ARRAY[384])::vector, 'x', now() - make_interval(hours => $2) - interval
            '1 minute') RETURNING id
        """, type, ageInHours);

    private async Task<IReadOnlyList<(string Name, string Type)>> Columns(string relation) =>
        (await _database.Rows(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND "
                + "NOT attisdropped ORDER BY attnum",
            relation))
        .Select(row => ((string)row[0]!, (string)row[1]!)).ToList();
}
