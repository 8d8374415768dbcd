using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>Workers, edits, requests, deletes and migrations at once.</summary>
public sealed class QueueStormTests : QueueTest
{
    private static readonly TimeSpan _storm = TimeSpan.FromSeconds(6);

    private static readonly string[] _writers =
    [
        "UPDATE sessions SET title = 'edit ' || random() WHERE id = (SELECT id FROM sessions ORDER BY random() LIMIT 1)",
        "UPDATE embedding_queue SET status = 'pending' WHERE id = (SELECT id FROM embedding_queue ORDER BY random() LIMIT 1)",
        "UPDATE embedding_queue SET content = 'wish ' || random() WHERE id = (SELECT id FROM embedding_queue ORDER BY random() LIMIT 1)",
        "WITH gone AS (DELETE FROM sessions WHERE id = (SELECT id FROM sessions ORDER BY random() LIMIT 1)) INSERT INTO sessions (title) "
            + "VALUES ('new ' || random())",
    ];

    [Fact]
    public async Task All_that_happens_at_once_no_writer_is_refused_and_in_the_end_every_row_is_as_its_text_and_its_queue_row_tell()
    {
        await Database.Execute("INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 60) n");
        using var over = new CancellationTokenSource(_storm);
        var writers = _writers.Select(sql => Repeat(() => Database.Execute(sql), over.Token));
        var workers = Enumerable.Range(0, 3).Select(_ => Repeat(() => Drain(), over.Token));

        var migration = Repeat(async () =>
        {
            await Migrate("sessions");
            await Task.Delay(500);
        }, over.Token);

        await Task.WhenAll(writers.Concat(workers).Append(migration).ToList());
        await Drain();

        Assert.Equal(0, (await Drain()).ItemsTotal);
        // The status that a locked row missed is put right by a later process at once, and by this one within a minute.
        await using var later = new TestEngine(Database, Fake);
        await later.Run(new RunRequest("sessions", [], Concurrency: 4));
        Assert.Equal(
            0,
            await Database.Ask<long>(
                "SELECT count(*) FROM embedding_queue WHERE status NOT IN ('completed', 'failed') OR status = 'failed' AND error_message "
                    + "NOT LIKE '%deleted%'"));
        var table = (await Engine.Get<ResolvedCorpora>().Get("sessions", default)).TableOf("session");
        foreach (
            var row in await Database.Rows(
                "SELECT s.embedding_content, s.content_hash, q.content, q.status, s.title_embedding IS NOT NULL FROM sessions s LEFT JOIN "
                    + "embedding_queue q ON q.record_id = s.id::text"))
        {
            var hash = ItemText.Of([(string?)row[0]], table).Hash;
            Assert.Equal((hash, row[0], "completed", true), ((string?)row[1], row[2], (string?)row[3], (bool)row[4]!));
        }
    }

    [Fact]
    public async Task Texts_that_are_edited_while_a_migration_queues_them_are_queued_as_they_were_edited()
    {
        await Database.Execute("INSERT INTO sessions (title) SELECT 'session ' || n FROM generate_series(1, 10) n");
        await Database.Execute("UPDATE embedding_queue SET content = 'old', taken_at = clock_timestamp()");
        await using var other = await Database.Source.OpenConnectionAsync();
        await using var transaction = await other.BeginTransactionAsync();
        // In the middle of them, in whatever direction the migration goes.
        await using (
            var hold = new NpgsqlCommand(
                "SELECT 1 FROM embedding_queue WHERE record_id = (SELECT id::text FROM sessions WHERE title = 'session 5') FOR UPDATE",
                other))
        {
            await hold.ExecuteNonQueryAsync();
        }

        var migration = Migrate("sessions");
        await WaitForLocks([migration]);
        var edits = Enumerable.Range(1, 10).Where(n => n != 5)
            .Select(n => Database.Execute($"UPDATE sessions SET title = 'edited {n}' WHERE title = 'session {n}'")).ToList();
        await WaitForLocks([migration, .. edits]);
        await transaction.CommitAsync();
        await Task.WhenAll([migration, .. edits]);

        Assert.Equal(
            10,
            await Database.Ask<long>(
                "SELECT count(*) FROM sessions s JOIN embedding_queue q ON q.record_id = s.id::text AND q.content = s.title"));
    }

    // Until all that are not done are held.
    private async Task WaitForLocks(Task[] work)
    {
        while (
            await Database.Ask<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") < work.Count(
                    task => !task.IsCompleted))
        {
        }
    }

    // Each in a transaction of its own; one that was refused is the test's failure.
    private static async Task Repeat(Func<Task> work, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            try
            {
                await work();
            }
            catch (PostgresException e)
            {
                throw new InvalidOperationException($"A writer was refused: {e.MessageText} ({e.SqlState})", e);
            }
        }
    }
}
