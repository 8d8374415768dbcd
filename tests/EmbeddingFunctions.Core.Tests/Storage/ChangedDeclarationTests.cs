using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>A declaration that is another than the one that was migrated.</summary>
public sealed class ChangedDeclarationTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_changed_rule_demands_a_migration_and_then_makes_every_vector_again()
    {
        await using (var corpus = await Notes(rows: 3))
        {
            await corpus.MigrateAndRun();
        }

        var before = await PendingIndex();
        await using var changed = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "NOTE {title}" }));

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => changed.Get<ResolvedCorpora>().Get("notes", default));
        Assert.Contains("embeddings migrate notes", error.Message, StringComparison.Ordinal);
        Assert.Contains(
            "every vector must be looked at, and made again where it would be another", error.Message, StringComparison.Ordinal);

        var outcome = await changed.MigrateAndRun();
        Assert.Equal(3, outcome.Counts.Embedded);
        Assert.NotEqual(before, await PendingIndex());
    }

    [Fact]
    public async Task A_changed_model_demands_a_migration()
    {
        await using (var corpus = await Notes(rows: 1))
        {
            await corpus.MigrateAndRun();
        }

        await using var changed = new DeclaredCorpus(_database.Source, Declarations.Notes(), model: "text-embedding-3-large");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => changed.Get<ResolvedCorpora>().Get("notes", default));
        Assert.Contains("and text-embedding-3-large is chosen now", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_declaration_that_changed_without_changing_vectors_runs_on_and_doctor_asks_for_a_migration()
    {
        await using (var corpus = await Notes(rows: 3))
        {
            await corpus.MigrateAndRun();
        }

        await using var changed = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", changedAt = "edited_at" }));

        Assert.Equal(0, (await changed.Run()).ItemsTotal);
        var resolved = await changed.Get<ResolvedCorpora>().Get("notes", default);
        Assert.Contains(
            "the declaration changed since the last migration: run 'embeddings migrate notes'",
            Assert.Single(await changed.Get<CorpusFindings>().Of(resolved, default)), StringComparison.Ordinal);

        Assert.Equal(0, (await changed.MigrateAndRun()).ItemsTotal);
        Assert.Empty(await changed.Get<CorpusFindings>().Of(resolved, default));
        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexname ~ '^embedding_(pending|age)_notes_'"));
    }

    [Fact]
    public async Task A_process_notices_that_another_migrated_to_another_rule()
    {
        var time = new FakeProvider.ManualTime();
        await using var corpus = await Notes(rows: 1);
        await corpus.Migrate();
        var old = new ResolvedCorpora(
            corpus.Get<CorpusSet>(), _database.Source, corpus.Get<Catalogue>(), corpus.Get<SchemaVersion>(),
            corpus.Get<IMigrationObstacles>(), corpus.Get<Generations>(),
            corpus.Get<EmbeddingFunctions.Settings.EmbeddingSettings>(), time);
        var resolved = await old.Get("notes", default);
        await using var changed = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "NOTE {title}" }));
        await changed.Migrate();

        Assert.Same(resolved, await old.Get("notes", default));
        time.Advance(seconds: 11);
        await Assert.ThrowsAsync<DatabaseNotReadyException>(() => old.Get("notes", default));
    }

    private async Task<string?> PendingIndex() =>
        Assert.Single(
            await _database.Rows("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embedding_pending_notes%'"))[0] as string;

    private Task<DeclaredCorpus> Notes(int rows) => Declarations.CreateNotes(_database, rows);
}
