using System.Text.Json;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What the clips pipeline's people queried, measured and set, as docs/coming-from-another-system.md says it.</summary>
public sealed class FromTheSeedsPipelineTests() : SampleProgramTest("clips")
{
    private const string Coverage =
        """
        -- Check embedding coverage
        SELECT 
            COUNT(*) as total_clips,
            COUNT(embedding) as clips_with_embeddings,
            COUNT(embedding)::float / COUNT(*)::float * 100 as coverage_percentage
        FROM clips
        WHERE is_removed = false;
        """;

    private const string RecentEmbeddings =
        """
        -- Check recent embeddings
        SELECT COUNT(*) 
        FROM clips 
        WHERE embedding_generated_at > NOW() - INTERVAL '24 hours';
        """;

    private const string OfTheScheduler =
        """
        SELECT id, title, creator_name, broadcaster_name, game_id, game_name
        FROM clips
        WHERE is_removed = false
          AND embedding IS NULL
          AND created_at > NOW() - INTERVAL '7 days'
        ORDER BY created_at DESC
        LIMIT 100
        """;

    private const string RunsByStatus =
        "SELECT status, count(*), avg(extract(epoch FROM completed_at - started_at))::float8 FROM embedding.jobs WHERE corpus = 'clips' "
            + "GROUP BY status";

    [Fact]
    public async Task The_coverage_and_the_recent_queries_count_what_was_embedded()
    {
        await Clips(8);
        await Database.Execute(
            "INSERT INTO clips (title, creator_name, broadcaster_name, is_removed) VALUES ('gone', 'bob', 'ninja', true)");
        Assert.Equal([8L, 0L, 0d], (await Database.Rows(Coverage))[0]);

        (await Backfill("--limit 6")).Exits(0);

        Assert.Equal([8L, 6L, 75d], (await Database.Rows(Coverage))[0]);
        Assert.Equal(6, await Database.Ask<long>(RecentEmbeddings));
        Assert.Matches(@"\nclips +8 +6 +75\.00% +2 +0 +0 +6\n", (await Program.Run("status")).Exits(0).Out);
    }

    [Fact]
    public async Task The_schedulers_query_lists_what_a_host_then_embeds()
    {
        await Clips(7);
        await Clips(3, "old", age: "8 days");
        var listed = (await Database.Rows(OfTheScheduler)).Select(row => row[0]).ToHashSet();
        Assert.Equal(7, listed.Count);

        await using (var server = await Server.Start(Program))
        {
            await WaitForRun();
        }

        Assert.Equal(listed, (await Database.Rows("SELECT id FROM clips WHERE embedding IS NOT NULL")).Select(row => row[0]).ToHashSet());
        Assert.Empty(await Database.Rows(OfTheScheduler));
    }

    [Fact]
    public async Task Until_it_is_enabled_a_host_embeds_nothing()
    {
        await Clips(2);
        await using (var server = await Server.Start(Program.Set("EMBEDDING_ENABLED", "false")))
        {
            Assert.Equal(2, Kind(await server.Get("/api/embeddings/status")).GetProperty("pending").GetInt32());
        }

        Assert.Equal((0, 0L), (Fake.RequestCount, await Database.Ask<long>("SELECT count(*) FROM embedding.jobs")));
    }

    [Fact]
    public async Task A_clip_s_row_has_the_vector_its_time_and_its_model_and_takes_three_kilobytes()
    {
        await Clips(1);
        (await Backfill()).Exits(0);

        var row = Assert.Single(
            await Database.Rows(
                "SELECT vector_dims(embedding), pg_column_size(embedding), embedding_model, embedding_generated_at FROM clips"));

        Assert.Equal((768, "text-embedding-3-small"), ((int)row[0]!, (string)row[2]!));
        Assert.InRange((int)row[1]!, 768 * 4, (768 * 4) + 8);
        Assert.IsType<DateTime>(row[3]);
        Assert.Equal("Title: clip 1. Broadcaster: ninja. Clipped by: bob. Game: Go", Assert.Single(Fake.PaidInputs.Keys));
    }

    [Fact]
    public async Task What_the_gauges_and_the_job_counters_showed_is_in_status_and_in_the_jobs()
    {
        await Clips(5);
        (await Backfill("--limit 3")).Exits(0);
        (await Backfill("--limit 1")).Exits(0);

        var clips = Kind((await Program.Run("status", "--json")).Exits(0).Json);

        Assert.Equal(
            (5, 4, 1),
            (clips.GetProperty("total").GetInt32(), clips.GetProperty("embedded").GetInt32(), clips.GetProperty("pending").GetInt32()));
        var runs = Assert.Single(await Database.Rows(RunsByStatus));
        Assert.Equal(("completed", 2L), ((string)runs[0]!, (long)runs[1]!));
        Assert.InRange((double)runs[2]!, 0.0001, 120);
    }

    [Fact]
    public async Task What_took_long_and_what_failed_is_in_the_summary_for_machines()
    {
        await Clips(50);

        var summary = (await Backfill("--json")).Exits(0);

        Assert.Equal(
            (50, 50, 0, 0, 1),
            (
                summary.Number("total"), summary.Number("processed"), summary.Number("skipped"), summary.Number("failed"),
                summary.Number("requests")));
        Assert.Equal(1, summary.Json.GetProperty("processedShare").GetDouble());
        Assert.InRange(summary.Json.GetProperty("millisecondsPerItem").GetDouble(), 0.01, 10_000);
        Assert.Equal(0, summary.Json.GetProperty("failures").GetArrayLength());
    }

    private async Task WaitForRun()
    {
        using var timeout = new CancellationTokenSource(Running.Patience);
        while (await Database.Ask<long>("SELECT count(*) FROM embedding.jobs WHERE completed_at IS NOT NULL") == 0)
        {
            await Task.Delay(50, timeout.Token);
        }
    }

    private static JsonElement Kind(JsonElement status) => status.GetProperty("corpora")[0].GetProperty("kinds")[0];
}
