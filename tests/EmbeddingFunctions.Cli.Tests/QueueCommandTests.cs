using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary>The queue of sessions and summaries, as typed.</summary>
public sealed class QueueCommandTests() : SampleProgramTest("sessions")
{
    private protected override Task Prepare() =>
        Database.Execute("INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 12) n");

    [Fact]
    public async Task L2_the_summary_counts_errors_and_of_nothing_there_is_no_rate()
    {
        using (Fake.Script(Requests.WithInput(text => text is "session 3" or "session 7"), Fault.BadInput()))
        {
            var drained = (await Program.Run("queue", "drain", "sessions")).Exits(3).Says("2 items failed");
            Assert.Equal("=== Processing Summary ===\nTotal records processed: 12\nTotal errors: 2\nSuccess rate: 83.3%\n", drained.Out);
        }

        var none = (await Program.Run("queue", "drain", "sessions")).Exits(0);
        Assert.EndsWith(
            "Total records processed: 0\nTotal errors: 0\nSuccess rate: none, as nothing was processed\n", none.Out,
            StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", none.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_key_that_is_refused_nothing_is_called_done_and_no_row_failed()
    {
        using var refused = Fake.Script(Requests.All, Fault.BadKey());

        var drained = (await Program.Run("queue", "drain", "sessions")).Exits(1);

        Assert.EndsWith(
            "Total records processed: 0\nTotal errors: 0\nSuccess rate: none, as nothing was processed\n", drained.Out,
            StringComparison.Ordinal);
        Assert.Equal(12, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'pending'"));
    }

    [Fact]
    public async Task L4_a_delay_may_be_nothing_and_a_batch_as_small_as_one_likes()
    {
        var drained = (await Program.Run("queue", "drain", "sessions", "--batch-size", "5", "--delay", "0", "--json")).Exits(0);

        Assert.Equal((12, 0), (drained.Number("processed"), drained.Number("errors")));
        Assert.Equal((12, 5), (Fake.Requests.Sum(request => request.InputCount), Fake.Requests.Max(request => request.InputCount)));
    }

    [Fact]
    public async Task The_queue_is_listed_by_status_and_row()
    {
        await Database.Execute(
            "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column) VALUES ('users', '1', 'x', 'password')");

        var list = (await Program.Run("queue", "list", "sessions")).Exits(0).Out;
        Assert.Contains("sessions            title_embedding         pending           12", list, StringComparison.Ordinal);
        Assert.Contains(" pending, 0 attempts, queued 20", list, StringComparison.Ordinal);
        Assert.Contains("no declared corpus embeds it", (await Program.Run("queue", "list")).Exits(0).Out, StringComparison.Ordinal);
        Assert.Equal(3, (await Program.Run("queue", "list", "--limit", "3", "--json")).Exits(0).Json.GetProperty("rows").GetArrayLength());
        Assert.Equal(
            0,
            (await Program.Run("queue", "list", "sessions", "--status", "completed", "--json")).Exits(0).Json.GetProperty("rows")
                .GetArrayLength());
    }

    [Fact]
    public async Task What_failed_is_retried_by_id_by_error_or_all_of_it()
    {
        await Database.Execute(
            "UPDATE embedding_queue SET status = 'failed', error_message = 'too long' WHERE content IN ('session 1', 'session 2')");
        await Database.Execute("UPDATE embedding_queue SET status = 'failed', error_message = 'policy' WHERE content = 'session 3'");
        var first = await Database.Ask<string>("SELECT record_id FROM embedding_queue WHERE content = 'session 1'");

        (await Program.Run("queue", "retry", "sessions", "--id", $"session:{first}", "--id", "session:42")).Exits(2)
            .Says("session:42 has not failed: nothing was changed");
        Assert.Equal(1, (await Program.Run("queue", "retry", "sessions", "--id", $"session:{first}", "--json")).Exits(0).Number("pending"));
        Assert.Equal("Pending again: 1.\n", (await Program.Run("queue", "retry", "sessions", "--error", "Too Long")).Exits(0).Out);
        Assert.Equal("Pending again: 1.\n", (await Program.Run("queue", "retry", "sessions", "--all")).Exits(0).Out);
        Assert.Equal(
            12, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'pending' AND error_message IS NULL"));
    }

    [Fact]
    public async Task What_is_embedded_is_asked_for_again_by_id_or_all_of_it()
    {
        (await Program.Run("queue", "drain", "sessions")).Exits(0);
        var id = await Database.Ask<Guid>("SELECT id FROM sessions WHERE title = 'session 5'");
        await Database.Execute("UPDATE sessions SET title_embedding = NULL");

        (await Program.Run("queue", "requeue", "sessions", "--id", $"session:{Guid.Empty}")).Exits(2)
            .Says($"session:{Guid.Empty} is not there, has no text, or is excluded by the declaration");
        Assert.Equal(1, (await Program.Run("queue", "requeue", "sessions", "--id", $"session:{id}", "--json")).Exits(0).Number("pending"));
        Assert.Equal("Pending again: 12.\n", (await Program.Run("queue", "requeue", "sessions", "--all")).Exits(0).Out);
        (await Program.Run("queue", "drain", "sessions")).Exits(0);

        Assert.Equal(
            (12L, 12L), (await Database.Ask<long>("SELECT count(*) FROM sessions WHERE title_embedding IS NOT NULL"), Fake.PaidInputCount));
    }

    [Theory]
    [InlineData("the corpus 'clips'", "queue", "list", "clips")]
    [InlineData("There is no corpus 'session'", "queue", "drain", "session")]
    [InlineData("Say which: --id KIND:ID or --all.", "queue", "requeue", "sessions")]
    [InlineData("Say which: --id KIND:ID, --error TEXT, or --all.", "queue", "retry", "sessions")]
    [InlineData("--delay takes a time like", "queue", "drain", "sessions", "--delay", "soon")]
    [InlineData("--batch-size takes a whole number", "queue", "drain", "sessions", "--batch-size", "0")]
    public async Task What_cannot_be_is_reported_and_changes_nothing(string words, params string[] arguments)
    {
        Assert.Contains(words, (await Program.Run(arguments)).Exits(2).Error, StringComparison.OrdinalIgnoreCase);

        Assert.Equal(12, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'pending'"));
    }

    [Fact]
    public async Task A_dry_run_and_the_status_know_what_is_asked_for_again()
    {
        (await Program.Run("queue", "drain", "sessions")).Exits(0);
        await Database.Execute("UPDATE embedding_queue SET content = 'other words' WHERE content = 'session 1'");
        var session = await Database.Ask<Guid>("SELECT id FROM sessions WHERE title = 'session 2'");
        (await Program.Run("queue", "requeue", "sessions", "--id", $"session:{session}")).Exits(0);

        var predicted = (await Program.Run("backfill", "sessions", "--dry-run", "--json")).Exits(0);
        Assert.Equal((2, 1), (predicted.Number("items"), predicted.Number("requests")));
        Assert.Contains(
            "Requested again through the queue: 2.", (await Program.Run("status", "sessions")).Exits(0).Out, StringComparison.Ordinal);

        var before = Fake.RequestCount;
        Assert.Equal(2, (await Program.Run("queue", "drain", "sessions", "--json")).Exits(0).Number("processed"));
        Assert.Equal(before + 1, Fake.RequestCount);
    }

    [Fact]
    public async Task A_corpus_without_a_queue_says_where_its_failures_are()
    {
        (await Program.Run("migrate", "clips", "--with-sample-tables")).Exits(0);

        (await Program.Run("queue", "list", "clips")).Exits(2).Says("The corpus 'clips' has no queue")
            .Says("'embeddings failures' has what failed");
    }
}
