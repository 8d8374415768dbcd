using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>Queues of more rows than are taken, or written, at once.</summary>
public sealed class LongQueueTests : QueueTest
{
    private const int Rows = 5_000;

    [Theory]
    [InlineData("DELETE FROM sessions WHERE title = 'old'")]
    [InlineData("UPDATE sessions SET deleted_at = now() WHERE title = 'old'")]
    public async Task Wishes_that_come_to_nothing_keep_no_later_one_from_being_granted(string gone)
    {
        await Database.Execute("INSERT INTO sessions (title) SELECT 'old' FROM generate_series(1, 450)");
        await Database.Execute(gone);
        await Database.Execute("INSERT INTO sessions (title) SELECT 'new ' || n FROM generate_series(1, 50) n");
        await Drain();
        await Database.Execute("UPDATE embedding_queue SET created_at = now() - interval '1 day' WHERE status = 'failed'");

        await Engine.Get<QueueRows>().Retry("sessions", [], null, default);
        await Engine.Get<QueueRows>().Requeue("sessions", [], default);
        var run = await Drain();

        Assert.Equal((RunStatus.Completed, 50, null), (run.Status, run.Counts.Embedded, run.Error));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'pending' AND taken_at IS NULL"));
    }

    [Fact]
    public async Task A_wake_sees_the_request_behind_those_that_come_to_nothing()
    {
        var id = await Session("Behind them");
        await Drain();
        await Database.Execute(
            "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column, created_at) SELECT 'sessions', n::text, "
                + "'nobody', 'title_embedding', now() - interval '1 day' FROM generate_series(1, 200) n");
        await Requeue(id);

        var run = new RunInput(Guid.NewGuid(), new RunRequest("sessions", []));
        Assert.Single((await Engine.Get<RunPages>().Next(new PlanPage(run, "", [], 1), default)).Batches);
    }

    [Fact]
    public async Task A_long_queue_is_put_right_some_rows_a_transaction()
    {
        await Fill();
        await Database.Execute(
            "ALTER TABLE sessions DISABLE TRIGGER USER; UPDATE sessions SET deleted_at = now(); ALTER TABLE sessions ENABLE TRIGGER USER");

        await Drain();

        Assert.Equal(Rows, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'failed'"));
        await AssertManyTransactions();
    }

    [Fact]
    public async Task All_of_a_long_queue_is_asked_for_again_some_rows_a_transaction()
    {
        await Fill();
        Assert.Equal(new AskedRows(Rows), await Engine.Get<QueueRows>().Requeue("sessions", [], default));
        Assert.Equal(Rows, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'pending' AND taken_at IS NULL"));
        await AssertManyTransactions();
    }

    [Fact]
    public async Task All_that_failed_in_a_long_queue_is_retried_some_rows_a_transaction()
    {
        await Fill();
        await Database.Execute("UPDATE embedding_queue SET status = 'failed', error_message = 'policy'; DELETE FROM seen");

        Assert.Equal(new AskedRows(Rows), await Engine.Get<QueueRows>().Retry("sessions", [], null, default));

        Assert.Equal(
            Rows, await Database.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'pending' AND error_message IS NULL"));
        await AssertManyTransactions();
    }

    [Fact]
    public async Task What_could_not_be_put_right_is_tried_again_by_the_next_run()
    {
        var id = await Session("Left out");
        await Database.Execute(
            "ALTER TABLE sessions DISABLE TRIGGER USER; UPDATE sessions SET deleted_at = now(); ALTER TABLE sessions ENABLE TRIGGER USER");
        await Database.Execute("ALTER FUNCTION embedding_queue_settle_sessions(text[]) RENAME TO away");
        Assert.Equal(RunStatus.Failed, (await Drain()).Status);
        await Database.Execute("ALTER FUNCTION away(text[]) RENAME TO embedding_queue_settle_sessions");

        await Drain();

        Assert.Equal("failed: the declaration leaves this row out", await Row(id));
    }

    private Task Fill() => Database.Execute(
        $"""
        INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, {Rows}) n;
        CREATE TABLE seen (transaction text);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO public.seen VALUES (pg_current_xact_id()::text); RETURN NULL; END';
        CREATE TRIGGER see AFTER UPDATE ON embedding_queue FOR EACH ROW EXECUTE FUNCTION see();
        """);

    private async Task AssertManyTransactions() =>
        Assert.InRange(await Database.Ask<long>("SELECT count(DISTINCT transaction) FROM seen"), 2, Rows / 100);
}
