using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A trigger of the owner's can tell the engine's writes from the application's.</summary>
public sealed class OwnersTriggerTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, body text, updated_at timestamptz NOT NULL DEFAULT '2020-01-01');
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END';
            CREATE TRIGGER touch BEFORE UPDATE ON notes FOR EACH ROW
                WHEN (current_setting('embeddings.writing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION touch();
            INSERT INTO notes (id, title, body) VALUES (1, 'one', 'first'), (2, 'two', ''), (3, 'three', repeat('far too long ', 9000));
            """);
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("none")]
    [InlineData("row")]
    [InlineData("content")]
    public async Task It_leaves_what_the_engine_writes_alone_and_notes_every_change_of_the_application(string queue)
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Notes(
            new { kind = "note", table = "notes", text = "{title} {body}", changedAt = "updated_at", longText = "fail", queue }));
        await corpus.MigrateAndRun();
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM notes WHERE embedding_state = 'failed'"));
        await corpus.Run(force: true);
        await corpus.Get<EmbeddingFunctions.Batches.FailedItems>().Retry("notes", new([]), default);
        await _database.Execute(
            "ALTER TABLE notes DISABLE TRIGGER USER; UPDATE notes SET title = 'unnoticed' WHERE id = 1; ALTER TABLE notes ENABLE TRIGGER "
                + "USER");
        // What is queued stays as it was.
        Assert.Equal(queue == "content" ? 0 : 1, (await corpus.Get<Audit>().Of("notes", isRepaired: true, default)).Found.Values.Sum());
        await _database.Execute(queue == "none" ? "SELECT 1" : "UPDATE embedding_queue SET status = 'pending'");
        await corpus.Run();

        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM notes WHERE updated_at > '2020-01-01'"));
        await _database.Execute("UPDATE notes SET body = 'edited' WHERE id = 2");
        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM notes WHERE updated_at > '2020-01-01'"));
    }

    [Theory]
    [InlineData("created_at", null, true)]
    [InlineData("created_at", "updated_at", false)]
    public async Task A_touch_of_an_embedded_row_stays_on_its_page_where_no_index_of_ours_has_the_column(
        string createdAt, string? changedAt, bool stays)
    {
        await _database.Execute(
            "ALTER TABLE notes ADD COLUMN created_at timestamptz DEFAULT now(); ALTER TABLE notes SET (fillfactor = 50); DROP TRIGGER "
                + "touch ON notes; DELETE FROM notes WHERE id = 3");
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Notes(
            new { kind = "note", table = "notes", text = "{title} {body}", createdAt, changedAt }));
        Assert.Equal(2, (await corpus.MigrateAndRun()).Counts.Embedded);

        await using var connection = await _database.Source.OpenConnectionAsync();
        const string HotUpdates = "SELECT pg_stat_get_xact_tuples_hot_updated('notes'::regclass)";
        await using var touch = new Npgsql.NpgsqlCommand($"BEGIN; UPDATE notes SET updated_at = now(); {HotUpdates}", connection);
        Assert.Equal(stays ? 2L : 0L, await touch.ExecuteScalarAsync());
    }
}
