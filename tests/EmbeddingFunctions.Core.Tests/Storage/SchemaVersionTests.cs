using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Programs of one version on databases of another, and the journal of scripts.</summary>
public sealed class SchemaVersionTests : IAsyncLifetime
{
    private readonly SchemaRange _program = SchemaRange.OfThisProgram;
    private TestDatabase _database = null!;
    private DeclaredCorpus _corpus = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        _corpus = await Declarations.CreateNotes(_database, 3);
        await _corpus.Migrate();
    }

    public async Task DisposeAsync()
    {
        await _corpus.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task An_older_program_runs_on_a_newer_schema_that_is_compatible_with_it_and_does_not_migrate_it()
    {
        await _database.Execute(
            $"UPDATE embedding.installation SET version = {_program.Current + 1}, compatible_with = {_program.Current}");

        Assert.Equal(3, (await _corpus.Run()).Counts.Embedded);
        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => _corpus.Migrate());

        Assert.Contains("A newer version of this program migrated the database", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(_program.Current + 1, await _database.Ask<int>("SELECT version FROM embedding.installation"));
    }

    [Fact]
    public async Task An_older_program_does_not_run_on_a_schema_that_broke_with_it()
    {
        await _database.Execute(
            $"UPDATE embedding.installation SET version = {_program.Current + 1}, compatible_with = {_program.Current + 1}");

        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => _corpus.Get<ResolvedCorpora>().Get("notes", default));

        Assert.Contains("update this one", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_that_is_too_old_asks_for_a_migration_which_brings_it_up_to_date()
    {
        await _database.Execute("UPDATE embedding.installation SET version = 0, compatible_with = 0");

        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => _corpus.Get<ResolvedCorpora>().Get("notes", default));
        await _corpus.Migrate();

        Assert.Contains("run 'embeddings migrate notes'", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(3, (await _corpus.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task A_released_script_that_was_edited_is_refused()
    {
        await _database.Execute("UPDATE embedding.migrations SET checksum = 'another' WHERE name = 'versioned/001_create_engine.sql'");

        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => _corpus.Migrate());

        Assert.Contains("versioned/001_create_engine.sql is not the one that this database ran", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_view_or_function_whose_script_changed_is_replaced()
    {
        await _database.Execute(
            """
            CREATE OR REPLACE VIEW embedding.failures AS
            SELECT corpus, kind, item_id, partition, attempts, is_dead, reason, failed_at, retry_at FROM embedding.claims WHERE false;
            UPDATE embedding.migrations SET checksum = 'earlier' WHERE name = 'repeatable/failures.sql';
            INSERT INTO embedding.claims (corpus, kind, item_id, partition, reason) VALUES ('notes', 'note', '1', '', 'too long');
            """);

        await _corpus.Migrate();

        Assert.Equal("too long", await _database.Ask<string>("SELECT reason FROM embedding.failures"));
    }

    [Fact]
    public void Every_script_states_its_version_once_and_in_order()
    {
        var versions = SqlScript.Versioned.Select(script => script.Version).ToList();

        Assert.Equal(Enumerable.Range(1, versions.Count), versions);
        Assert.Equal(_program.Current, versions[^1]);
        Assert.InRange(_program.CompatibleWith, _program.OldestSupported, _program.Current);
    }
}
