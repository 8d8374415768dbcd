using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>What the guide to the older queue of sessions and summaries says, done with what stands in its place.</summary>
public sealed class FromTheSeedsQueueTests() : SampleProgramTest("sessions")
{
    private protected override async Task Prepare()
    {
        (await Program.Run("migrate", "summaries", "--with-sample-tables")).Exits(0);
        await Database.Execute(
            """
            INSERT INTO sessions (title, user_id) SELECT 'session ' || n, gen_random_uuid() FROM generate_series(1, 33) n;
            INSERT INTO summaries (title, tldr) SELECT 'summary ' || n, 'in short' FROM generate_series(1, 22) n;
            """);
    }

    [Fact]
    public async Task The_migration_queues_what_is_there_and_the_triggers_what_comes()
    {
        Assert.Equal([["sessions", "pending", 33L], ["summaries", "pending", 22L]], await QueueStatus());
        await Database.Execute("DROP TABLE embedding_queue CASCADE");

        (await Program.Run("migrate", "sessions")).Exits(0);

        Assert.Equal(
            33L, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'pending' AND user_id IS NOT NULL"));
    }

    [Fact]
    public async Task The_processor_is_drain_and_its_summary_has_the_same_lines()
    {
        var sessions = (await Program.Run("queue", "drain", "sessions", "--batch-size", "5", "--delay", "0")).Exits(0);
        var summaries = (await Program.Run("queue", "drain", "summaries")).Exits(0);

        Assert.Equal("=== Processing Summary ===\nTotal records processed: 33\nTotal errors: 0\nSuccess rate: 100.0%\n", sessions.Out);
        Assert.Contains("Total records processed: 22", summaries.Out, StringComparison.Ordinal);
        Assert.Equal([["sessions", "completed", 33L], ["summaries", "completed", 22L]], await QueueStatus());
        var batches = Fake.Requests.Where(request => request.Texts[0].StartsWith("session", StringComparison.Ordinal))
            .Select(request => request.InputCount).ToList();
        Assert.Equal((33, 5), (batches.Sum(), batches.Max()));
        Assert.Equal(1536, await Database.Ask<int>("SELECT vector_dims(title_embedding) FROM sessions LIMIT 1"));
    }

    [Fact]
    public async Task A_delay_is_between_batches()
    {
        await Database.Execute("DELETE FROM sessions WHERE title NOT IN (SELECT 'session ' || n FROM generate_series(1, 15) n)");

        (await Program.Run("queue", "drain", "sessions", "--batch-size", "5", "--delay", "1500ms")).Exits(0);

        var times = Fake.Requests.Select(request => request.ArrivedAt).ToList();
        Assert.Equal(3, times.Count);
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromMilliseconds(1400)));
    }

    [Fact]
    public async Task Its_sql_for_monitoring_runs_as_printed()
    {
        (await Program.Run("queue", "drain", "sessions")).Exits(0);

        Assert.Equal([33L, 33L, 0L], (await Database.Rows(
            """
            SELECT
                COUNT(*) as total_sessions,
                COUNT(title_embedding) as sessions_with_embeddings,
                COUNT(*) - COUNT(title_embedding) as sessions_missing_embeddings
            FROM sessions
            WHERE deleted_at IS NULL;
            """))[0]);
        Assert.Equal([22L, 0L, 22L], (await Database.Rows(
            """
            SELECT
                COUNT(*) as total_summaries,
                COUNT(content_embedding) as summaries_with_embeddings,
                COUNT(*) - COUNT(content_embedding) as summaries_missing_embeddings
            FROM summaries
            WHERE deleted_at IS NULL;
            """))[0]);
        Assert.Empty(await Database.Rows("SELECT * FROM embedding_queue WHERE status = 'failed';"));
    }

    [Fact]
    public async Task Its_sql_for_another_try_and_for_queueing_again_runs_as_printed()
    {
        using (Fake.Script(Requests.WithInput(text => text == "session 9"), Fault.BadInput()))
        {
            (await Program.Run("queue", "drain", "sessions")).Exits(3);
        }

        await Database.Execute(
            "UPDATE embedding.claims SET attempts = 3, is_dead = true, retry_at = NULL; UPDATE embedding_queue SET status = 'failed' "
                + "WHERE status = 'pending' AND table_name = 'sessions'");
        await Database.Execute(
            """
            UPDATE embedding_queue
            SET status = 'pending', error_message = NULL
            WHERE status = 'failed';
            """);
        await Database.Execute(
            """
            INSERT INTO embedding_queue (table_name, record_id, content, embedding_column, user_id)
            SELECT 'sessions', id, title, 'title_embedding', user_id
            FROM sessions
            WHERE id = (SELECT id FROM sessions WHERE title = 'session 1')
            ON CONFLICT (table_name, record_id, embedding_column)
            DO UPDATE SET status = 'pending';
            """);

        Assert.Equal(
            "=== Processing Summary ===\nTotal records processed: 2\nTotal errors: 0\nSuccess rate: 100.0%\n",
            (await Program.Run("queue", "drain", "sessions")).Exits(0).Out);
        Assert.Equal(33, await Database.Ask<long>("SELECT count(title_embedding) FROM sessions"));
        Assert.Equal(1, Fake.PaidInputs["session 1"]);
    }

    [Fact]
    public async Task What_it_costs_is_reported_in_dollars()
    {
        var drained = (await Program.Run("queue", "drain", "sessions", "--json")).Exits(0);

        Assert.True(drained.Json.GetProperty("dollars").GetDecimal() is > 0 and < 0.0001m * 33);
    }

    // As the guide has it.
    private Task<IReadOnlyList<object?[]>> QueueStatus() => Database.Rows(
        """
        SELECT
            table_name,
            status,
            COUNT(*) as count
        FROM embedding_queue
        GROUP BY table_name, status
        ORDER BY table_name, status;
        """);
}
