using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What makes a row pending: its text, not who touched it or what a clock said.</summary>
public sealed class EditTriggerTests : IAsyncLifetime
{
    private TestDatabase _database = null!;
    private DeclaredCorpus _corpus = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, body text, state text, edited_at timestamptz);
            INSERT INTO notes SELECT n, 'title ' || n, 'body ' || n, 'new', now() - interval '1 hour' FROM generate_series(1, 3) n;
            """);
        _corpus = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title} {body}", changedAt = "edited_at" }));
        Assert.Equal(3, (await _corpus.MigrateAndRun()).Counts.Embedded);
    }

    public async Task DisposeAsync()
    {
        await _corpus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task An_edit_takes_the_place_of_the_vectors_rule_in_the_writers_own_transaction()
    {
        await using var connection = await _database.Source.OpenConnectionAsync();
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            Assert.Equal(
                1L,
                await Ask(connection, "UPDATE notes SET body = 'edited' WHERE id = 1 RETURNING (embedding_rule LIKE '@%')::int::bigint"));
            await transaction.RollbackAsync();
        }

        Assert.Equal(0L, await Ask(connection, "SELECT count(*) FROM notes WHERE embedding_rule LIKE '@%'"));
        await Ask(connection, "UPDATE notes SET body = 'edited' WHERE id = 1");
        Assert.Equal(1L, await Ask(connection, "SELECT count(*) FROM notes WHERE embedding_rule LIKE '@%' AND embedding IS NOT NULL"));
    }

    [Theory]
    [InlineData("title = NULL")]
    [InlineData("body = ''")]
    [InlineData("title = title || ' '")]
    [InlineData("body = 'edited', edited_at = now() - interval '9 years'")]
    [InlineData("body = 'edited', edited_at = NULL")]
    [InlineData("body = 'edited', embedding_rule = embedding_rule, embedding_generated_at = now() + interval '1 day'")]
    public async Task An_edit_is_noticed_whatever_the_writers_clock_says(string set)
    {
        await _database.Execute($"UPDATE notes SET {set} WHERE id = 2");

        Assert.Equal(1, (await _corpus.Run()).ItemsTotal);
        Assert.Equal(0, (await _corpus.Run()).ItemsTotal);
    }

    [Theory]
    [InlineData("state = 'closed'", 0)]
    [InlineData("title = title", 0)]
    [InlineData("edited_at = edited_at - interval '1 day'", 0)]
    [InlineData("edited_at = now() + interval '1 second', state = 'closed'", 3)]
    [InlineData("edited_at = 'infinity'", 3)]
    public async Task A_mere_touch_is_looked_at_at_most_once_and_costs_no_vector(string set, int looked)
    {
        await _database.Execute($"UPDATE notes SET {set}");

        var run = await _corpus.Run();

        Assert.Equal((looked, looked, 0), (run.ItemsTotal, run.Counts.Unchanged, run.Counts.Embedded));
        Assert.Equal(0, (await _corpus.Run()).ItemsTotal);
    }

    [Fact]
    public async Task A_trigger_that_bumps_the_time_of_change_at_every_write_causes_no_second_look()
    {
        await _database.Execute(
            """
            CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN NEW.edited_at := clock_timestamp() + interval ''1 minute''; RETURN NEW; END';
            CREATE TRIGGER set_edited_at BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION bump();
            UPDATE notes SET title = 'edited';
            """);

        Assert.Equal(3, (await _corpus.Run()).Counts.Embedded);
        Assert.Equal(0, (await _corpus.Run()).ItemsTotal);
    }

    [Fact]
    public async Task A_text_that_another_trigger_makes_is_the_one_that_counts()
    {
        await _database.Execute(
            """
            CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.title := upper(NEW.title); RETURN NEW; END';
            CREATE TRIGGER shout BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION shout();
            UPDATE notes SET state = 'closed' WHERE id = 1;
            """);

        Assert.Equal(1, (await _corpus.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task A_new_row_and_a_row_whose_vector_was_taken_away_are_pending()
    {
        await _database.Execute("INSERT INTO notes (id, title) VALUES (9, 'new'); UPDATE notes SET embedding = NULL WHERE id = 1");

        Assert.Equal(2, (await _corpus.Run()).Counts.Embedded);
    }

    // From Postgres 17 on.
    [Theory]
    [InlineData("none")]
    [InlineData("content")]
    public async Task An_update_that_leaves_long_texts_alone_does_not_read_them(string queue)
    {
        await _database.Execute(
            "CREATE TABLE papers (id int PRIMARY KEY, body text, hits int DEFAULT 0); ALTER TABLE papers ALTER body SET STORAGE EXTERNAL");
        await using var papers = new DeclaredCorpus(
            _database.Source,
            new { name = "papers", dimensions = 16, tables = new[] { new { kind = "paper", table = "papers", text = "{body}", queue } } });
        await papers.Migrate();
        await _database.Execute("INSERT INTO papers SELECT n, repeat('words ', 30000) FROM generate_series(1, 20) n");
        await papers.Run();
        await using var connection = await _database.Source.OpenConnectionAsync();

        var before = await ToastReads(connection);
        await Ask(connection, "UPDATE papers SET hits = hits + 1");
        var ofTouch = await ToastReads(connection) - before;
        await Ask(connection, "UPDATE papers SET body = body || '.' WHERE id = 1");

        Assert.InRange(ofTouch, 0, 100);
        Assert.Equal(1L, await Ask(connection, "SELECT count(*) FROM papers WHERE embedding_rule LIKE '@%'"));
    }

    private static async Task<long> ToastReads(NpgsqlConnection connection)
    {
        await Ask(connection, "SELECT pg_stat_force_next_flush()");
        return (long)(
            await Ask(connection, "SELECT toast_blks_read + toast_blks_hit FROM pg_statio_user_tables WHERE relname = 'papers'"))!;
    }

    private static async Task<object?> Ask(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
