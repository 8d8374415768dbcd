using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Settings;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Status;

/// <summary>What a migration made and is not there any more is missed by all that look, and a migration makes it again.</summary>
public sealed class LostPartsTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("DROP TRIGGER zzz_embedding_note_edit_notes ON notes", "the trigger zzz_embedding_note_edit_notes of notes is gone")]
    [InlineData("ALTER TABLE notes DISABLE TRIGGER ALL", "the trigger zzz_embedding_note_edit_notes of notes is disabled")]
    [InlineData(
        "ALTER TABLE notes DISABLE TRIGGER ALL; ALTER TABLE notes ENABLE TRIGGER ALL",
        "the trigger zzz_embedding_note_edit_notes of notes does not always fire")]
    [InlineData("DROP INDEX embedding_hnsw_notes", "the index embedding_hnsw_notes is gone")]
    [
        InlineData(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'embedding_hnsw_notes'::regclass",
            "the index embedding_hnsw_notes is invalid")]
    [InlineData("ALTER TABLE notes DROP CONSTRAINT embedding_state_notes", "the constraint embedding_state_notes of notes is gone")]
    [
        InlineData(
            "ALTER TABLE notes DROP CONSTRAINT embedding_state_notes, ADD CONSTRAINT embedding_state_notes CHECK (true)",
            "the constraint embedding_state_notes of notes is not as it was made")]
    [InlineData("ALTER TABLE notes DROP COLUMN embedding", "the column notes.embedding is gone")]
    [
        InlineData(
            "ALTER TABLE notes DROP COLUMN embedding; ALTER TABLE notes ADD COLUMN embedding vector(16)",
            "the index embedding_hnsw_notes is gone")]
    [InlineData("DROP TABLE notes; CREATE TABLE notes (id bigint PRIMARY KEY, title text)", "the column notes.content_hash is gone")]
    [
        InlineData(
            "CREATE OR REPLACE FUNCTION embedding_note_edit_notes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "is not as it was made")]
    public async Task The_doctor_misses_what_was_made_and_a_migration_makes_it_again(string damage, string told)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();
        Assert.True((await Diagnosis(corpus)).IsWell);

        await _database.Execute(damage);

        Assert.Contains(told, (await Diagnosis(corpus)).Message, StringComparison.Ordinal);
        await corpus.Migrate();
        Assert.True((await Diagnosis(corpus)).IsWell, (await Diagnosis(corpus)).Message);
    }

    [Theory]
    [InlineData("DROP TRIGGER zzz_embedding_note_edit_notes ON notes")]
    [InlineData("ALTER TABLE notes DISABLE TRIGGER ALL")]
    public async Task Rows_that_were_edited_while_the_trigger_was_away_are_found_when_it_comes_back(string damage)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 5);
        await corpus.MigrateAndRun();
        await _database.Execute($"{damage}; UPDATE notes SET title = 'edited unnoticed' WHERE id = 2");

        await corpus.Migrate();

        var run = await corpus.Run();
        Assert.Equal((1, 1), (run.ItemsTotal, run.Counts.Embedded));
    }

    [Fact]
    public async Task The_doctor_misses_what_hides_chunks_and_a_migration_makes_it_again()
    {
        await using (await Declarations.CreateNotes(_database, 1))
        {
            await using var corpus = new Storage.DeclaredCorpus(_database.Source, Declarations.Notes(
                new
                {
                    kind = "note",
                    table = "notes",
                    text = "{title}",
                    longText = "chunk",
                    chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 }
                }));
            await corpus.Migrate();
            await _database.Execute(
                "ALTER TABLE note_chunks DISABLE ROW LEVEL SECURITY; DROP POLICY embedding_chunks_of_visible_rows ON note_chunks");

            Assert.Contains("the table note_chunks is not as it was made", (await Diagnosis(corpus)).Message, StringComparison.Ordinal);
            await corpus.Migrate();

            Assert.True((await Diagnosis(corpus)).IsWell);
            Assert.Equal(
                1,
                await _database.Ask<long>(
                    "SELECT count(*) FROM pg_policy JOIN pg_class c ON c.oid = polrelid WHERE c.relname = 'note_chunks' AND "
                        + "c.relrowsecurity"));
        }
    }

    [Theory]
    [InlineData("DROP TRIGGER zzz_embedding_note_edit_notes ON notes", "the trigger zzz_embedding_note_edit_notes of notes is gone")]
    [InlineData("ALTER TABLE notes DISABLE TRIGGER ALL", "the trigger zzz_embedding_note_edit_notes of notes is disabled")]
    [InlineData("DROP INDEX embedding_hnsw_notes", "the index embedding_hnsw_notes is gone")]
    [
        InlineData(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'embedding_hnsw_notes'::regclass",
            "the index embedding_hnsw_notes is invalid")]
    [InlineData("ALTER TABLE notes DROP COLUMN embedding", "the column notes.embedding is gone")]
    [InlineData("ALTER TABLE notes DROP COLUMN embedding_model", "the column notes.embedding_model is gone")]
    public async Task M16_the_check_health_and_status_miss_it_as_the_doctor_does(string damage, string told)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();
        Assert.Empty(await Check(corpus));
        Assert.Equal("healthy", (await corpus.Get<Health>().Check(default)).Status);
        Assert.Empty((await corpus.Get<StatusReport>().Of("notes", default)).Findings);

        await _database.Execute(damage);

        Assert.Contains(await Check(corpus), fault => fault.Message.Contains(told, StringComparison.Ordinal));
        var health = await corpus.Get<Health>().Check(default);
        Assert.Equal("unhealthy", health.Status);
        Assert.False(health.Checks.Single(check => check.Name == "corpus notes").IsHealthy);
        Assert.Contains(told, await Status(corpus), StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<DeclarationFault>> Check(Storage.DeclaredCorpus corpus) =>
        (await corpus.Get<DeclaredCorpora>().Check(CorpusFile.Examine(corpus.Get<EmbeddingSettings>().CorporaFile), null, default)).Faults;

    // Without a column there is nothing to count.
    private static async Task<string> Status(Storage.DeclaredCorpus corpus)
    {
        try
        {
            return string.Join("; ", (await corpus.Get<StatusReport>().Of("notes", default)).Findings);
        }
        catch (DatabaseNotReadyException e)
        {
            return e.Message;
        }
    }

    private static async Task<Finding> Diagnosis(Storage.DeclaredCorpus corpus) =>
        (await corpus.Get<Doctor>().Examine([corpus.Corpus], default)).First(finding => finding.Subject == "corpus notes");
}
