using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Storage;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Older declarations and programs, audits, and what is left in the end.</summary>
public sealed class OldDeclarationTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task An_older_declaration_is_reported_that_it_is_the_older_one_and_takes_the_database_back_only_when_a_person_says_so()
    {
        await using var older = await Declarations.CreateNotes(_database, 2);
        await older.Migrate();
        await using var newer = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "NOTE {title}" }));
        await newer.Migrate();

        Assert.Contains(
            "is the older one",
            (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => older.Get<ResolvedCorpora>().Get("notes", default))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "is the older one", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => older.Migrate())).Message,
            StringComparison.Ordinal);
        Assert.Equal(2, (await newer.Run()).Counts.Embedded);

        await older.Migrate(yes: true);
        Assert.Equal(2, (await older.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task A_program_that_is_set_to_the_earlier_model_again_is_reported_of_the_model()
    {
        await using var earlier = await Declarations.CreateNotes(_database, 2);
        await earlier.Migrate();
        await using var later = new DeclaredCorpus(_database.Source, Declarations.Notes(), model: "another-model");
        await later.Migrate();

        var refusal = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => earlier.Get<ResolvedCorpora>().Get("notes", default));

        Assert.Contains("for the model another-model of 'notes', and this program is set to ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'embeddings migrate notes --yes'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_audit_finds_what_no_trigger_noted()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 700);
        await corpus.MigrateAndRun();
        await _database.Execute(
            "ALTER TABLE notes DISABLE TRIGGER ALL; UPDATE notes SET title = 'unnoticed ' || id WHERE id % 100 = 0; ALTER TABLE notes "
                + "ENABLE TRIGGER ALL; ALTER TABLE notes ENABLE ALWAYS TRIGGER zzz_embedding_note_edit_notes");
        var audit = corpus.Get<Audit>();

        Assert.Equal(7, (await audit.Of("notes", isRepaired: false, default)).Found["note"]);
        Assert.Equal(0, (await corpus.Run()).ItemsTotal);
        Assert.Equal(7, (await audit.Of("notes", isRepaired: true, default)).Found["note"]);
        Assert.Equal(7, (await corpus.Run()).Counts.Embedded);
        Assert.Equal(0, (await audit.Of("notes", isRepaired: false, default)).Found["note"]);
    }

    [Fact]
    public async Task After_all_of_it_is_gone_the_database_is_as_it_was()
    {
        await using (await Declarations.CreateNotes(_database, 3))
        {
            var before = await Objects();
            await using var corpus = new DeclaredCorpus(_database.Source, new
            {
                name = "notes",
                dimensions = 16,
                trigger = true,
                similarityCache = true,
                tables = new[]
                {
                    new
                    {
                        kind = "note",
                        table = "notes",
                        text = "{title}",
                        queue = "content",
                        textSearch = "english",
                        longText = "chunk",
                        chunks = new { table = "note_chunks", maxTokens = 50, overlapTokens = 0 }
                    }
                },
                pendingView = Declarations.View("notes_pending", "title"),
            });
            await corpus.MigrateAndRun();
            var removal = corpus.Get<CorpusRemoval>();

            Assert.Contains(
                await removal.Stays("notes", default),
                line => line.StartsWith("the tables that all corpora share, with", StringComparison.Ordinal));
            await removal.Remove("notes", null, default);
            await removal.RemoveShared(null, default);

            Assert.Equal(before, await Objects());
            await corpus.MigrateAndRun();
        }
    }

    [Fact]
    public async Task A_corpus_that_is_declared_no_more_can_be_taken_down_by_its_name()
    {
        await using (var corpus = await Declarations.CreateNotes(_database, 3))
        {
            await corpus.MigrateAndRun();
        }

        await using var other = new DeclaredCorpus(
            _database.Source,
            new { name = "others", dimensions = 16, tables = new[] { new { kind = "note", table = "notes", text = "{title}" } } });
        await other.Get<CorpusRemoval>().Remove("notes", null, default);

        Assert.Equal(3, (await other.MigrateAndRun()).Counts.Embedded);
    }

    private async Task<IReadOnlyList<string>> Objects() => (await _database.Rows(
        """
        SELECT 'relation ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'column ' || attrelid::regclass || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT attisdropped
        UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
                  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger
        UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_'
        ORDER BY 1
        """)).Select(row => (string)row[0]!).ToList();
}
