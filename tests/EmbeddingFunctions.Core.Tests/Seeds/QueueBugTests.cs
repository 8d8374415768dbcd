using EmbeddingFunctions.Core.Tests.Queues;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Seeds;

/// <summary>
/// The faults of the old queue of sessions and summaries, by their numbers; L2 and L4, of what is typed and printed, are the command
/// line's.
/// </summary>
public sealed class QueueBugTests : QueueTest
{
    [Fact]
    public async Task L1_a_refused_key_fails_no_row_and_is_reported()
    {
        var id = await Session("Refused");
        using var refused = Fake.Script(Requests.All, Fault.BadKey());

        var run = await Drain();

        Assert.Equal((RunStatus.Failed, 1), (run.Status, Fake.RequestCount));
        Assert.Equal("pending", await Row(id));
    }

    [Fact]
    public async Task L3_eight_workers_embed_each_row_once()
    {
        await Database.Execute("INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 160) n");

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            await using var worker = new TestEngine(Database, Fake);
            await worker.Run(new RunRequest("sessions", [], Concurrency: 4));
        }));

        Assert.Equal((160L, 0L), (Fake.PaidInputCount, Fake.DuplicatePaidInputs));
        Assert.Equal(160, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'completed' AND attempts = 1"));
    }

    [Fact]
    public async Task L5_a_queue_that_refuses_a_status_keeps_no_vector_back_and_nothing_goes_round_endlessly()
    {
        await Database.Execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not with me'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON embedding_queue FOR EACH ROW WHEN (NEW.status IN ('completed', 'failed')) EXECUTE
                FUNCTION refuse();
            """);
        var (good, bad) = (await Session("Good"), await Session("Bad"));
        using var fault = Fake.Script(Requests.WithInput(text => text == "Bad"), Fault.BadInput());

        var counts = (await Drain()).Counts;

        Assert.Equal((1, 1), (counts.Embedded, counts.Failed));
        Assert.Equal((true, false), (await HasVector(good), await HasVector(bad)));
        var requests = Fake.RequestCount;
        await Drain();
        Assert.Equal(requests, Fake.RequestCount);
        await Database.Execute("DROP TRIGGER refuse ON embedding_queue");
        await using var later = new TestEngine(Database, Fake);
        await later.Run(new RunRequest("sessions", [], Concurrency: 4));
        Assert.Equal("completed", await Row(good));
    }

    [Fact]
    public async Task L6_a_status_is_one_that_the_queue_allows_and_nothing_is_paid_again()
    {
        await Session("Paid once");

        await Drain();
        await Drain();

        Assert.Equal(1, Fake.PaidInputCount);
        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => Database.Execute("UPDATE embedding_queue SET status = 'processed'"));
    }

    [Fact]
    public async Task L7_queued_again_the_content_is_the_rows_own_and_the_error_is_gone()
    {
        var id = await Session("First title");
        using (Fake.Script(Requests.All, Fault.BadInput()))
        {
            await Drain();
        }

        Assert.StartsWith("pending: ", await Row(id), StringComparison.Ordinal);
        await Database.Execute("UPDATE sessions SET title = 'Second title'");
        await Requeue(id);

        Assert.Equal("pending", await Row(id));
        await Drain();
        Assert.Equal(["Second title"], Fake.PaidInputs.Keys);
    }

    [Fact]
    public async Task L8_a_row_is_tried_three_times_then_failed_and_tried_again_when_asked_for()
    {
        var id = await Session("Stubborn");
        using (Fake.Script(Requests.All, Fault.BadInput()))
        {
            for (var attempt = 1; attempt <= 4; attempt++)
            {
                await Drain();
                Assert.Equal(Math.Min(attempt, 3), await Database.Ask<int>("SELECT attempts FROM embedding_queue"));
                Assert.StartsWith(attempt < 3 ? "pending: " : "failed: ", await Row(id), StringComparison.Ordinal);
                await Database.Execute("UPDATE embedding.claims SET retry_at = NULL");
            }
        }

        Assert.Equal(3, Fake.RequestCount);
        // As the older system's guide has it.
        await Database.Execute("UPDATE embedding_queue SET status = 'pending', error_message = NULL WHERE status = 'failed'");
        await Drain();
        Assert.Equal(("completed", true), (await Row(id), await HasVector(id)));
    }

    [Theory]
    [InlineData("sessions", "title")]
    [InlineData("sessions", "content_embedding")]
    [InlineData("embedding.jobs", "error_message")]
    [InlineData("pg_catalog.pg_authid", "rolpassword")]
    [InlineData("sessions\" SET title = 'x' --", "title_embedding")]
    public async Task L9_a_row_that_names_what_no_corpus_declares_is_refused_and_writes_nothing(string table, string column)
    {
        var id = await Session("Kept");
        await Drain();

        await Database.Execute(
            "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column) VALUES ($1, $2, 'steal', $3)", table,
            id.ToString(), column);
        await Drain();

        Assert.Equal(
            $"failed: no declared corpus embeds {table}.{column}: nothing is written there",
            await Database.Ask<string>("SELECT status || ': ' || error_message FROM embedding_queue WHERE content = 'steal'"));
        Assert.Equal(("Kept", 1L), (await Database.Ask<string>("SELECT title FROM sessions"), Fake.PaidInputCount));
    }

    [Fact]
    public async Task L9_another_user_does_not_decide_a_row_s_text()
    {
        var (owner, other) = (Guid.NewGuid(), Guid.NewGuid());
        var id = await Database.Ask<Guid>("INSERT INTO sessions (title, user_id) VALUES ('Kept', $1) RETURNING id", owner);
        await Drain();
        await Database.Execute("UPDATE embedding_queue SET content = 'steal', user_id = $1", other);

        Assert.Equal(0, (await Drain()).ItemsTotal);
        Assert.Equal("failed: it is asked for in another user's name than the row's", await Row(id));
        Assert.Equal(("Kept", 1L), (await Database.Ask<string>("SELECT embedding_content FROM sessions"), Fake.PaidInputCount));

        await Database.Execute("UPDATE sessions SET title = 'Its owner''s'");
        Assert.Equal((owner, "pending"), (await Database.Ask<Guid>("SELECT user_id FROM embedding_queue"), await Row(id)));
        await Database.Execute("UPDATE embedding_queue SET content = 'The owner''s own words'");
        await Drain();
        Assert.Equal(
            ("completed", "The owner's own words"), (await Row(id), await Database.Ask<string>("SELECT embedding_content FROM sessions")));
    }

    [Fact]
    public async Task L10_the_time_of_the_vector_is_written_with_it()
    {
        await Session("Timed");

        await Drain();

        Assert.True(
            await Database.Ask<bool>(
                "SELECT embedding_generated_at > now() - interval '1 minute' AND title_embedding IS NOT NULL FROM sessions"));
    }

    [Fact]
    public async Task L11_whom_it_calls_is_a_setting()
    {
        await using var other = await FakeOpenAi.StartAsync();
        await Session("Elsewhere");

        await using var engine = new TestEngine(Database, other);
        await engine.Run(new RunRequest("sessions", [], Concurrency: 4));

        Assert.Equal((0, 1), (Fake.RequestCount, other.RequestCount));
    }
}
