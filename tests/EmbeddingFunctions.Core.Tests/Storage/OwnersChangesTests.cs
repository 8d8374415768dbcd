using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What the owner of a table does to it after a migration.</summary>
public sealed class OwnersChangesTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task M1_an_edit_that_a_replica_applies_is_noted()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();

        await _database.Execute(
            "SET session_replication_role = replica; UPDATE notes SET title = 'edited' WHERE id < 3; RESET session_replication_role");

        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
    }

    [Theory]
    [InlineData("ALTER TABLE notes RENAME COLUMN title TO headline", "UPDATE notes SET headline = 'edited'")]
    [InlineData("ALTER TABLE notes DROP COLUMN title", "UPDATE notes SET body = 'edited'")]
    [InlineData("ALTER TABLE notes ALTER COLUMN title TYPE json USING to_json(title)", "UPDATE notes SET title = '{}'")]
    [InlineData("ALTER TABLE notes DROP COLUMN embedding_rule CASCADE", "UPDATE notes SET title = 'edited'")]
    [InlineData("ALTER TABLE notes DROP COLUMN embedding_generated_at CASCADE", "UPDATE notes SET title = 'edited'")]
    [InlineData("ALTER TABLE notes DROP COLUMN edited_at CASCADE", "UPDATE notes SET title = 'edited'")]
    public async Task A_write_goes_through_whatever_became_of_the_columns(string alter, string write)
    {
        await using (await Declarations.CreateNotes(_database, 3))
        {
            await using var corpus = new DeclaredCorpus(
                _database.Source,
                Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", changedAt = "edited_at", queue = "content" }));
            await corpus.MigrateAndRun();
            await _database.Execute("UPDATE notes SET title = title || ' edited'");

            await _database.Execute(alter);
            await _database.Execute(write);
            await _database.Execute("INSERT INTO notes (body) VALUES ('new'); DELETE FROM notes WHERE id = 2");

            Assert.Equal(3, await _database.Ask<long>("SELECT count(*) FROM notes"));
            Assert.Contains(
                await corpus.Get<Doctor>().Examine([corpus.Corpus], default),
                finding => finding is { Subject: "corpus notes", IsWell: false }
                || (finding.Subject == "corpus notes" && alter.Contains("TYPE json", StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData("ALTER TABLE notes RENAME COLUMN title TO headline", "the table notes has no column 'title'")]
    [InlineData("ALTER TABLE notes DROP COLUMN edited_at CASCADE", "the table notes has no column 'edited_at'")]
    [InlineData("ALTER TABLE notes RENAME TO memos", "there is no table 'notes'")]
    [InlineData("ALTER TABLE notes DROP COLUMN embedding_rule CASCADE", "'embeddings doctor' says what is missing")]
    public async Task A_run_over_a_table_that_was_altered_since_says_what_does_not_fit(string alter, string told)
    {
        await using (await Declarations.CreateNotes(_database, 3))
        {
            await using var corpus = new DeclaredCorpus(
                _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", changedAt = "edited_at" }));
            await corpus.MigrateAndRun();
            await _database.Execute(alter);

            // As a server does it, which has looked at the table before.
            string? error;
            try
            {
                error = (await corpus.Get<InProcessEngine>().Run(new RunRequest("notes", []), null, default)).Error;
            }
            catch (DatabaseNotReadyException e)
            {
                error = e.Message;
            }

            Assert.Contains(told, error, StringComparison.Ordinal);
            Assert.DoesNotContain("42", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_key_that_changes_takes_the_chunks_along()
    {
        await using (await Declarations.CreateNotes(_database, 1))
        {
            await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Notes(
                new
                {
                    kind = "note",
                    table = "notes",
                    text = "{title}",
                    longText = "chunk",
                    chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 }
                }));
            await corpus.MigrateAndRun();

            await _database.Execute("ALTER TABLE notes ALTER id DROP IDENTITY; UPDATE notes SET id = 77");

            Assert.Equal(77, await _database.Ask<long>("SELECT min(document_id) FROM note_chunks"));
            Assert.Equal(0, (await corpus.Run()).ItemsTotal);
        }
    }
}
