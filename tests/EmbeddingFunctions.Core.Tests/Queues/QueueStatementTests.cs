using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>What a statement of many rows costs, and what of it reaches the queue.</summary>
public sealed class QueueStatementTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text, state text NOT NULL DEFAULT 'open')");
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("row")]
    [InlineData("content")]
    public async Task All_its_rows_are_queued_in_one_subtransaction(string queue)
    {
        await using var notes = await Notes(queue);

        await _database.Execute("INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 300) n");
        Assert.Equal((300L, 1L), await Queued());
        await _database.Execute("UPDATE notes SET title = title || ' edited'");
        Assert.Equal((300L, 1L), await Queued("AND content LIKE 'note % edited' AND status = 'pending'"));
        await notes.Run();
        await _database.Execute("UPDATE notes SET title = title || ' again' WHERE id <= 200");
        Assert.Equal((200L, 1L), await Queued("AND status = 'pending'"));
        await _database.Execute("DELETE FROM notes WHERE id <= 100");
        Assert.Equal((100L, 1L), await Queued("AND status = 'failed' AND content = '' AND error_message = 'the row was deleted'"));
        await _database.Execute("DELETE FROM notes WHERE id > 200");
        Assert.Equal((100L, 1L), await Queued("AND status = 'completed' AND content = ''"));
    }

    [Fact]
    public async Task A_row_that_the_queue_refuses_keeps_no_other_out()
    {
        await using var notes = await Notes("content");
        await _database.Execute("ALTER TABLE embedding_queue ADD CHECK (length(content) < 20)");

        await _database.Execute(
            "INSERT INTO notes SELECT n, CASE n WHEN 7 THEN repeat('too long ', 9) ELSE 'note ' || n END FROM generate_series(1, 20) n");
        await _database.Execute("UPDATE notes SET title = CASE id WHEN 8 THEN repeat('too long ', 9) ELSE 'edited ' || id END");

        Assert.Equal(
            (20, "note 8"),
            (
                (await _database.Rows("SELECT 1 FROM embedding_queue")).Count,
                await _database.Ask<string>("SELECT content FROM embedding_queue WHERE record_id = '8'")));
        Assert.Equal(20, (await notes.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task Every_way_of_writing_is_queued()
    {
        await using var notes = await Notes("row", new[] { new { column = "state", equalTo = "open" } });
        await _database.Execute(
            """
            INSERT INTO notes VALUES (1, 'one', 'open'), (2, 'two', 'closed'), (3, 'three', 'open'), (4, ' ', 'open');
            INSERT INTO notes VALUES (1, 'uno'), (5, 'five') ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title;
            MERGE INTO notes n USING (VALUES (3), (6)) m (id) ON n.id = m.id
                WHEN MATCHED THEN UPDATE SET title = 'tres' WHEN NOT MATCHED THEN INSERT VALUES (m.id, 'six', 'open');
            UPDATE notes SET state = CASE id WHEN 2 THEN 'open' WHEN 5 THEN 'closed' ELSE state END, title = title;
            UPDATE notes SET id = 60 WHERE id = 6;
            """);

        Assert.Equal(
            [
                ["1", "uno", "pending", null], ["2", "two", "pending", null], ["3", "tres", "pending", null],
                ["5", "five", "failed", "the declaration leaves this row out"], ["60", "six", "pending", null]],
            await _database.Rows(
                "SELECT record_id, content, status, error_message FROM embedding_queue WHERE record_id <> '6' ORDER BY record_id"));
        await notes.Run();
        await _database.Execute("UPDATE notes SET state = 'closed' WHERE id = 1; UPDATE notes SET state = 'open' WHERE id = 1");
        Assert.Equal("completed", await _database.Ask<string>("SELECT status FROM embedding_queue WHERE record_id = '1'"));
    }

    [Fact]
    public async Task Rows_that_are_written_by_another_tables_name_are_queued()
    {
        await _database.Execute(
            """
            CREATE TABLE logs (id int PRIMARY KEY, title text) PARTITION BY RANGE (id);
            CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (100);
            CREATE TABLE books (id int PRIMARY KEY, title text);
            CREATE TABLE books_1 (PRIMARY KEY (id)) INHERITS (books);
            """);
        await using var logs = new DeclaredCorpus(_database.Source, new
        {
            name = "logs",
            dimensions = 16,
            tables = new[]
            {
                new { kind = "log", table = "logs", text = "{title}", queue = "content" },
                new { kind = "book", table = "books_1", text = "{title}", queue = "content" }
            },
        });
        await logs.Migrate();

        await _database.Execute(
            "INSERT INTO logs_1 VALUES (1, 'a'), (2, 'b'); INSERT INTO books_1 VALUES (1, 'c'); UPDATE books SET title = 'also edited'; "
                + "UPDATE logs SET title = 'edited' WHERE id = 2; DELETE FROM logs_1 WHERE id = 1");

        Assert.Equal(
            [["books_1", "1", "also edited", "pending"], ["logs", "1", "", "failed"], ["logs", "2", "edited", "pending"]],
            await _database.Rows("SELECT table_name, record_id, content, status FROM embedding_queue ORDER BY 1, 2"));
    }

    [Fact]
    public async Task A_trigger_of_the_queues_owner_that_fails_is_reported_with_its_name_and_what_to_do()
    {
        await using (await Notes("content"))
        {
        }

        await _database.Execute(
            """
            CREATE TABLE seen (record_id text);
            CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (NEW.record_id); RETURN NEW; END';
            CREATE TRIGGER note_it AFTER INSERT ON embedding_queue FOR EACH ROW EXECUTE FUNCTION note_it();
            """);
        var told = new List<PostgresNotice>();
        await using var connection = await _database.Source.OpenConnectionAsync();
        connection.Notice += (_, notice) => told.Add(notice.Notice);
        await using var insert = new NpgsqlCommand("INSERT INTO notes VALUES (1, 'written all the same')", connection);
        await insert.ExecuteNonQueryAsync();

        var warning = Assert.Single(told);
        Assert.Contains(
            "embedding_queue takes no row of 1: relation \"seen\" does not exist (PL/pgSQL function public.note_it()", warning.MessageText,
            StringComparison.Ordinal);
        Assert.Contains("ALTER FUNCTION … SET search_path", warning.Hint, StringComparison.Ordinal);
        var said = new List<string>();
        await using var again = new DeclaredCorpus(_database.Source, Declaration("content", null));
        await again.Migrate(progress: said.Add);
        Assert.Contains(said, line => line.Contains("note_it, ALTER FUNCTION note_it() SET search_path", StringComparison.Ordinal));
        await _database.Execute("ALTER FUNCTION note_it() SET search_path = public; INSERT INTO notes VALUES (2, 'noted')");
        Assert.Equal("2", await _database.Ask<string>("SELECT record_id FROM seen WHERE record_id = '2'"));
    }

    // The rows of the queue, and in how many subtransactions they were last written.
    private async Task<(long Rows, long Writes)> Queued(string condition = "")
    {
        var row = (await _database.Rows($"SELECT count(*), count(DISTINCT xmin::text) FROM embedding_queue WHERE true {condition}"))[0];
        return ((long)row[0]!, (long)row[1]!);
    }

    private async Task<DeclaredCorpus> Notes(string queue, object? filter = null)
    {
        var notes = new DeclaredCorpus(_database.Source, Declaration(queue, filter));
        await notes.Migrate();
        return notes;
    }

    private static object Declaration(string queue, object? filter) =>
        Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", queue, filter = filter ?? Array.Empty<object>() });
}
