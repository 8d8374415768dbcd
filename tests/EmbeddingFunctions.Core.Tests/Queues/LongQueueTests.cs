using EmbeddingFunctions.Queues;
using EmbeddingFunctions.Runs;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>Queues of more rows than are taken, or written, at once.</summary>
public sealed class LongQueueTests : QueueTest
{
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
    public async Task A_wake_sees_the_wish_behind_those_that_come_to_nothing()
    {
        var id = await Session("Behind them");
        await Drain();
        await Database.Execute("INSERT INTO embedding_queue (table_name, record_id, content, embedding_column, created_at) SELECT 'sessions', n::text, 'nobody', 'title_embedding', now() - interval '1 day' FROM generate_series(1, 200) n");
        await Requeue(id);

        var run = new RunInput(Guid.NewGuid(), new RunRequest("sessions", []));
        Assert.Single((await Engine.Get<PagePlanner>().Plan(new PlanPage(run, "", [], 1), default)).Batches);
    }
}
