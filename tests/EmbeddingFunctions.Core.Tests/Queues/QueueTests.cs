namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>What becomes of an item and its row in embedding_queue.</summary>
public sealed class QueueTests : QueueTest
{
    [Fact]
    public async Task A_new_row_is_queued_embedded_and_completed()
    {
        var id = await Session("Weekly planning");
        Assert.Equal("pending", await Row(id));

        Assert.Equal(1, (await Drain()).Counts.Embedded);

        Assert.Equal("completed", await Row(id));
        Assert.True(await HasVector(id));
        Assert.Equal(1536L, await Database.Ask<int>("SELECT vector_dims(title_embedding) FROM sessions"));
        Assert.True(
            await Database.Ask<bool>(
                "SELECT processed_at > created_at AND attempts = 1 AND content = 'Weekly planning' FROM embedding_queue"));
        Assert.Equal(["Weekly planning"], Fake.PaidInputs.Keys);
    }

    [Fact]
    public async Task A_row_without_text_is_not_queued_until_it_has_some()
    {
        var id = await Session(null);
        Assert.Equal("no row", await Row(id));

        await Database.Execute("UPDATE sessions SET title = 'Now it has one'");

        Assert.Equal("pending", await Row(id));
    }

    [Fact]
    public async Task Only_a_change_of_the_text_queues_anything()
    {
        var id = await Session("Standup");
        await Drain();

        await Database.Execute("UPDATE sessions SET updated_at = now(), title = title, user_id = gen_random_uuid()");
        Assert.Equal("completed", await Row(id));

        await Database.Execute("UPDATE sessions SET title = 'Standup of Monday'");
        Assert.Equal("pending", await Row(id));
        await Drain();
        Assert.Equal("completed", await Row(id));
        Assert.Equal(2, Fake.PaidInputCount);
    }

    [Fact]
    public async Task A_summary_is_its_parts_joined_once_it_is_completed()
    {
        var id = await Database.Ask<Guid>(
            "INSERT INTO summaries (title, tldr, key_decisions, action_items, generation_status) VALUES ('Budget', ' ', ARRAY['cut "
                + "travel', 'hire two'], ARRAY['write it up'], 'processing') RETURNING id");
        Assert.Equal("no row", await Row(id));

        await Database.Execute("UPDATE summaries SET generation_status = 'completed'");
        Assert.Equal("pending", await Row(id));
        await Drain("summaries");

        Assert.Equal(["Budget cut travel hire two write it up"], Fake.PaidInputs.Keys);
        Assert.True(await Database.Ask<bool>("SELECT content_embedding IS NOT NULL AND embedding_generated_at IS NOT NULL FROM summaries"));
    }

    [Fact]
    public async Task An_edit_in_flight_is_embedded_afterwards_and_never_marked_fresh()
    {
        var id = await Session("Draft");
        var hold = Fake.Hold();
        var run = Drain();
        await Fake.WaitForRequestsAsync(1);

        await Database.Execute("UPDATE sessions SET title = 'Final'");
        hold.Release();
        await run;

        Assert.Equal("completed", await Row(id));
        Assert.Equal(["Draft", "Final"], Fake.PaidInputs.Keys.Order());
        Assert.Equal("Final", await Database.Ask<string>("SELECT content FROM embedding_queue"));
    }

    [Fact]
    public async Task A_row_that_was_deleted_closes_its_queue_row_with_that_reason()
    {
        var (before, during) = (await Session("Deleted before"), await Session("Deleted during"));
        await Database.Execute("DELETE FROM sessions WHERE id = $1", before);
        Assert.Equal("failed: the row was deleted", await Row(before));

        var hold = Fake.Hold();
        var run = Drain();
        await Fake.WaitForRequestsAsync(1);
        await Database.Execute("DELETE FROM sessions WHERE id = $1", during);
        hold.Release();
        await run;

        Assert.Equal("failed: the row was deleted", await Row(during));
        Assert.Equal(["Deleted during"], Fake.PaidInputs.Keys);
    }

    [Fact]
    public async Task A_row_that_was_embedded_and_then_deleted_stays_completed()
    {
        var id = await Session("Done and gone");
        await Drain();

        await Database.Execute("DELETE FROM sessions");

        Assert.Equal("completed", await Row(id));
        Assert.Equal("", await Database.Ask<string>("SELECT content FROM embedding_queue WHERE record_id = $1", id.ToString()));
    }

    [Fact]
    public async Task An_application_that_may_only_write_its_own_table_is_served_too()
    {
        var role = $"app_{Guid.NewGuid():N}";
        await Database.Execute($"CREATE ROLE {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO {role}");
        try
        {
            await Database.Execute($"BEGIN; SET LOCAL ROLE {role}; INSERT INTO sessions (title) VALUES ('By the application'); COMMIT");
            Assert.Equal("By the application", await Database.Ask<string>("SELECT content FROM embedding_queue WHERE status = 'pending'"));
        }
        finally
        {
            await Database.Execute($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Fact]
    public async Task A_worker_that_vanished_leaves_its_row_to_the_next_run()
    {
        var id = await Session("Orphan");
        await Database.Execute(
            "INSERT INTO embedding.claims (corpus, kind, item_id, partition, token, leased_until) VALUES ('sessions', 'session', $1, '', "
                + "gen_random_uuid(), now() + interval '1 second')",
            id.ToString());
        Assert.Equal("processing", await Row(id));
        await Database.Execute("UPDATE embedding.claims SET leased_until = now() - interval '1 second'");

        await Drain();

        Assert.Equal(("completed", 2), (await Row(id), await Database.Ask<int>("SELECT attempts FROM embedding_queue")));
    }
}
