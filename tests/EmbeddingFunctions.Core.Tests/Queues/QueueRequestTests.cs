using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>What applications put into embedding_queue themselves.</summary>
public sealed class QueueRequestTests : QueueTest
{
    [Fact]
    public async Task The_content_that_is_put_into_the_queue_is_what_is_embedded()
    {
        var id = await Session("Retro");
        await Drain();

        await Database.Execute("UPDATE embedding_queue SET content = 'Retro, with what was said in it'");
        Assert.Equal("pending", await Row(id));
        await Drain();

        Assert.Equal("completed", await Row(id));
        Assert.Contains("Retro, with what was said in it", Fake.PaidInputs.Keys);
    }

    [Fact]
    public async Task Queued_again_it_runs_again_and_the_cache_pays()
    {
        var id = await Session("All hands");
        await Drain();
        await Database.Execute("UPDATE sessions SET title_embedding = NULL");

        await Requeue(id);
        Assert.Equal("pending", await Row(id));
        Assert.Equal((1, 1), await Drain() is var run ? (run.Counts.Embedded, run.Counts.Cached) : default);

        Assert.Equal(("completed", true, 1L), (await Row(id), await HasVector(id), Fake.PaidInputCount));
    }

    [Fact]
    public async Task Queued_again_while_it_is_in_flight_it_runs_again_afterwards()
    {
        var id = await Session("Kickoff");
        var hold = Fake.Hold();
        var run = Drain();
        await Fake.WaitForRequestsAsync(1);
        Assert.Equal("processing", await Row(id));

        await Database.Execute("UPDATE embedding_queue SET content = 'Kickoff, second draft', status = 'pending'");
        hold.Release();
        var counts = (await run).Counts;

        Assert.Equal("completed", await Row(id));
        Assert.Equal(2, counts.Embedded);
        Assert.Equal("Kickoff, second draft", await Database.Ask<string>("SELECT embedding_content FROM sessions"));
        Assert.Equal(2, Fake.PaidInputCount);
    }

    [Theory]
    [InlineData("no id at all")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    public async Task A_record_that_never_was_is_closed_and_keeps_no_other_waiting(string record)
    {
        await Database.Execute(
            "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column) VALUES ('sessions', $1, 'words', "
                + "'title_embedding')",
            record);
        var good = await Session("Good");

        Assert.Equal(1, (await Drain()).Counts.Embedded);

        Assert.Equal("completed", await Row(good));
        Assert.Equal(
            "failed",
            await Database.Ask<string>(
                "SELECT status FROM embedding_queue WHERE record_id = $1 AND error_message LIKE 'there is no such row%'", record));
        Assert.Equal(["Good"], Fake.PaidInputs.Keys);
    }

    [Fact]
    public async Task An_id_may_be_written_in_capitals()
    {
        var id = await Session("Capitals");
        await Drain();

        await Database.Execute(
            "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column) VALUES ('sessions', $1, 'In capitals', "
                + "'title_embedding') ON CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content = EXCLUDED.content",
            id.ToString().ToUpperInvariant());
        await Drain();

        Assert.Equal("completed", await Row(id));
        Assert.Contains("In capitals", Fake.PaidInputs.Keys);
    }

    [Fact]
    public async Task A_request_notifies_running_hosts_and_what_the_engine_writes_does_not()
    {
        var id = await Session("Quiet");
        await Drain();
        var told = new List<string>();
        await using var listener = new NpgsqlConnection(Database.ConnectionString);
        listener.Notification += (_, notice) => told.Add(notice.Payload);
        await listener.OpenAsync();
        await using (var listen = new NpgsqlCommand("LISTEN embedding_work", listener))
        {
            await listen.ExecuteNonQueryAsync();
        }

        await Requeue(id);
        Assert.True(await listener.WaitAsync(5_000));
        await Drain();
        await Database.Execute("NOTIFY embedding_work, 'the end'");
        while (!told.Contains("the end"))
        {
            Assert.True(await listener.WaitAsync(5_000));
        }

        Assert.Equal(["sessions", "the end"], told);
    }
}
