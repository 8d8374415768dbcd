using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The queries that people of the old system know by heart, character by character as their document prints them.</summary>
public sealed class SeedQueriesTests
{
    private const string CoverageByType =
        """
        SELECT
          item_type,
          COUNT(*) as total,
          COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END) as with_embeddings,
          ROUND(100.0 * COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END) / COUNT(*), 2) as coverage_pct
        FROM (
          SELECT id, embedding, 'issue' as item_type FROM issues
          UNION ALL
          SELECT id, embedding, 'pull_request' FROM pull_requests
          UNION ALL
          SELECT id::text, embedding, 'discussion' FROM discussions
        ) items
        GROUP BY item_type;
        """;

    private const string ItemsInQueue =
        """
        SELECT item_type, COUNT(*) as pending_count
        FROM items_needing_embeddings_priority
        GROUP BY item_type;
        """;

    private const string RecentJobs =
        """
        SELECT
          id,
          status,
          items_total,
          items_processed,
          started_at,
          completed_at
        FROM embedding.jobs
        ORDER BY created_at DESC
        LIMIT 10;
        """;

    [Fact]
    public async Task The_coverage_query_counts_each_type()
    {
        await using var database = await TestDatabase.Migrated();
        var workspace = new TestWorkspace(database);
        var repository = await workspace.Repository();
        await workspace.Items(repository, 3);
        await workspace.Items(repository, 2, "pull_requests");
        await workspace.Items(repository, 1, "discussions");
        await database.Execute("UPDATE issues SET embedding = array_fill(0.1, ARRAY[384])::vector WHERE title = 'item 1'");

        var rows = await database.Rows(CoverageByType);

        Assert.Equal(
            [("discussion", 1L, 0L, 0.00m), ("issue", 3L, 1L, 33.33m), ("pull_request", 2L, 0L, 0.00m)],
            rows.Select(row => ((string)row[0]!, (long)row[1]!, (long)row[2]!, (decimal)row[3]!)).Order());
    }

    [Fact]
    public async Task The_queue_query_counts_what_is_pending()
    {
        await using var database = await TestDatabase.Migrated();
        var workspace = new TestWorkspace(database);
        await workspace.Items(await workspace.Repository(), 3);
        await workspace.Items(await workspace.Repository("acme/asleep", isActive: false), 5);
        await workspace.Items(await workspace.Repository("acme/two"), 2, "discussions");

        var rows = await database.Rows(ItemsInQueue);

        Assert.Equal([("discussion", 2L), ("issue", 3L)], rows.Select(row => ((string)row[0]!, (long)row[1]!)).Order());
    }

    [Fact]
    public async Task The_jobs_query_shows_the_last_run_first()
    {
        await using var database = await TestDatabase.Migrated();
        await using var fake = await FakeOpenAi.StartAsync();
        await using var engine = new TestEngine(database, fake);
        var workspace = new TestWorkspace(database);
        await engine.Run();
        await workspace.Items(await workspace.Repository(), 2);
        var run = await engine.Run();

        var rows = await database.Rows(RecentJobs);

        Assert.Equal(2, rows.Count);
        Assert.Equal([run.RunId, "completed", 2, 2], rows[0][..4]);
        Assert.All(rows[0][4..], time => Assert.IsType<DateTime>(time));
    }
}
