using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Queues;

/// <summary>Queues of tables, names and rows that this product has not made.</summary>
public sealed class ForeignQueueTests : ForeignQueueTest
{
    [Fact]
    public async Task Columns_may_have_any_name_and_two_schemas_a_table_of_one()
    {
        await Target.Execute(
            """
            CREATE SCHEMA a; CREATE SCHEMA b;
            CREATE TABLE a.posts (key text PRIMARY KEY, item text, t text, "sta'tus" text, content text);
            CREATE TABLE b.posts (LIKE a.posts INCLUDING ALL);
            """);
        await using var first = new DeclaredCorpus(Target.Source, Posts("a"));
        await using var second = new DeclaredCorpus(Target.Source, Posts("b"));
        await first.Migrate();
        await second.Migrate();

        await Target.Execute(
            "INSERT INTO a.posts (key, item, t) VALUES ('x''1', 'one', 'more'); INSERT INTO b.posts (key, item, t) VALUES ('x''1', 'two', "
                + "'more')");
        await first.Run();
        Assert.Equal([["a.posts", "completed"], ["b.posts", "pending"]], await Status());
        await second.Run();
        await Target.Execute("UPDATE a.posts SET item = 'three'");
        Assert.Equal([["a.posts", "pending"], ["b.posts", "completed"]], await Status());

        await first.Get<CorpusRemoval>().Remove("a", null, default);
        await Target.Execute("UPDATE b.posts SET item = 'four'");
        await second.Run();
        Assert.Equal("completed", (await Status())[1][1]);
    }

    [Theory]
    [InlineData("bigint", "9223372036854775807")]
    [InlineData("bigint", "-5")]
    [InlineData("integer", "2147483647")]
    public async Task A_number_may_be_as_large_as_its_type_and_be_written_with_zeros(string type, string id)
    {
        await Target.Execute($"CREATE TABLE notes (id {type} PRIMARY KEY, title text); INSERT INTO notes VALUES ({id}, 'numbered')");
        await using var notes = await Notes();
        await notes.Run();

        await Ask(id.StartsWith('-') ? id.Replace("-", "-00", StringComparison.Ordinal) : id);
        await Ask("99999999999999999999");

        Assert.Equal(1, (await notes.Run()).Counts.Embedded);
        Assert.Equal([["completed"], ["failed"]], await Target.Rows("SELECT status FROM embedding_queue ORDER BY status"));
    }

    [Fact]
    public async Task Rows_that_went_or_came_past_the_triggers_are_put_right_by_a_run()
    {
        await Target.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'gone'), (2, 'stays')");
        await using var notes = await Notes();
        await Target.Execute(
            "ALTER TABLE notes DISABLE TRIGGER USER; DELETE FROM notes WHERE id = 1; INSERT INTO notes VALUES (3, 'came')");

        Assert.Equal(2, (await notes.Run()).Counts.Embedded);

        Assert.Equal(
            [["1", "failed", "the row was deleted"], ["2", "completed", null]],
            await Target.Rows("SELECT record_id, status, error_message FROM embedding_queue ORDER BY record_id"));
    }

    [Theory]
    [
        InlineData(
            "record_id is of type uuid, the note's id of type integer: alter the column to text",
            "table_name text, record_id uuid, content text, embedding_column text, status text, error_message text, created_at timestamp, "
                + "processed_at timestamp")]
    [
        InlineData(
            "embedding_queue.status is of type state",
            "table_name text, record_id text, content text, embedding_column text, status state, error_message text, created_at "
                + "timestamp, processed_at timestamp")]
    [
        InlineData(
            "embedding_queue.user_id is of type bigint",
            "table_name text, record_id text, content text, embedding_column text, user_id bigint, status text, error_message text, "
                + "created_at timestamp, processed_at timestamp")]
    [
        InlineData(
            "needs a value in owner, user_id",
            "table_name text, record_id text, content text, embedding_column text, owner text NOT NULL, user_id uuid NOT NULL, status "
                + "text NOT NULL DEFAULT 'pending', error_message text, created_at timestamp, processed_at timestamp")]
    [
        InlineData(
            "has no content, status",
            "table_name text, record_id text, embedding_column text, error_message text, created_at timestamp, processed_at timestamp")]
    public async Task A_queue_that_cannot_serve_is_refused_before_anything_is_changed(string words, string columns)
    {
        await Target.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text, user_id uuid); CREATE TYPE state AS ENUM ('pending'); CREATE TABLE "
                + $"embedding_queue (id uuid, {columns})");

        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(Notes);

        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        await Target.Execute("INSERT INTO notes VALUES (1, 'as before')");
        Assert.Equal(3, await Target.Ask<long>("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0"));
    }

    [Fact]
    public async Task A_queue_that_knows_no_users_learns_of_them()
    {
        await Target.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, user_id uuid);
            INSERT INTO notes VALUES (1, 'before');
            CREATE TABLE embedding_queue (id uuid, table_name text, record_id text, content text, embedding_column text, status text,
                error_message text, created_at timestamp, processed_at timestamp);
            """);
        await using var notes = await Notes();

        await Target.Execute("INSERT INTO notes VALUES (2, 'after', gen_random_uuid())");

        Assert.Equal(2, (await notes.Run()).Counts.Embedded);
        Assert.Equal(
            2,
            await Target.Ask<long>(
                "SELECT count(*) FROM embedding_queue q JOIN notes n ON n.id::text = q.record_id WHERE status = 'completed' AND q.user_id "
                    + "IS NOT DISTINCT FROM n.user_id"));
    }

    [Theory]
    [InlineData("ALTER TABLE embedding_queue ADD CHECK (length(content) < 5)")]
    [InlineData("ALTER TABLE embedding_queue ALTER COLUMN content TYPE varchar(5)")]
    [InlineData("ALTER TABLE embedding_queue ALTER COLUMN user_id SET NOT NULL")]
    [InlineData("ALTER TABLE embedding_queue DROP COLUMN processed_at")]
    public async Task A_queue_that_takes_no_more_rows_refuses_no_row_of_a_table(string change)
    {
        await Target.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text, user_id uuid)");
        await using var notes = await Notes();
        await Target.Execute(change);

        await Target.Execute("INSERT INTO notes VALUES (1, 'written nevertheless')");

        Assert.Equal(
            ["written nevertheless", true], (await Target.Rows("SELECT embedding_content, embedding_rule LIKE '@%' FROM notes"))[0]);
    }

    [Fact]
    public async Task A_queue_with_a_row_twice_is_refused_with_the_row()
    {
        await Target.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text);
            CREATE TABLE embedding_queue (id uuid, table_name text, record_id text, content text, embedding_column text, status text,
                error_message text, created_at timestamp, processed_at timestamp);
            INSERT INTO embedding_queue (table_name, record_id, embedding_column) VALUES ('notes', '1', 'embedding'), ('notes', '1',
                'embedding');
            """);

        Assert.Contains(
            "has a row twice (notes 1 embedding)", (await Assert.ThrowsAsync<DatabaseNotReadyException>(Notes)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_of_the_queue_that_a_session_holds_hold_up_no_vector()
    {
        await Target.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text)");
        await using var notes = await Notes();
        await Target.Execute("INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 10) n");
        await using (var connection = await Target.Source.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await using var hold = new NpgsqlCommand("UPDATE embedding_queue SET user_id = gen_random_uuid()", connection);
            await hold.ExecuteNonQueryAsync();

            Assert.Equal(10, (await notes.Run()).Counts.Embedded);
            await transaction.CommitAsync();
        }

        await using var later = new DeclaredCorpus(Target.Source, Declaration());
        await later.Run();
        Assert.Equal(10, await Target.Ask<long>("SELECT count(*) FROM embedding_queue WHERE status = 'completed'"));
    }

    private Task Ask(string id) => Target.Execute(
        "INSERT INTO embedding_queue (table_name, record_id, content, embedding_column) VALUES ('notes', $1, 'asked for', 'embedding') ON "
            + "CONFLICT (table_name, record_id, embedding_column) DO UPDATE SET content = EXCLUDED.content",
        id);

    private Task<IReadOnlyList<object?[]>> Status() => Target.Rows("SELECT table_name, status FROM embedding_queue ORDER BY table_name");

    private static object Posts(string schema) => new
    {
        name = schema,
        dimensions = 16,
        trigger = true,
        startsPerMinute = 1_000,
        tables = new[]
        {
            new { kind = "post", table = $"{schema}.posts", id = "key", text = "{{item}}{ {t}}{ {sta'tus}!={content}}", queue = "content" }
        },
    };
}
