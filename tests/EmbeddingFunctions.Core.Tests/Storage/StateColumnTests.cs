using EmbeddingFunctions.Batches;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>The column that says what was decided on a row's text, and the constraint that holds it.</summary>
public sealed class StateColumnTests : IAsyncLifetime
{
    private const string States = "SELECT string_agg(COALESCE(embedding_state, '-'), ' ' ORDER BY id) FROM notes";

    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Each_decision_is_a_state_beside_the_fingerprint_of_its_text()
    {
        await using var corpus = await Notes("far too long", "one", " ", "two", "three");

        await corpus.MigrateAndRun();
        await corpus.Get<FailedItems>().Ignore("notes", new FailureFilter([("note", "1")]), default);
        await _database.Execute("INSERT INTO notes (title) VALUES (repeat('far too long ', 9000)), ('four')");
        await corpus.Run();

        Assert.Equal("ignored embedded empty embedded embedded failed embedded", await _database.Ask<string>(States));
        Assert.Equal(7, await _database.Ask<long>("SELECT count(*) FROM notes WHERE content_hash ~ '^[0-9a-f]{64}$'"));
        Assert.Equal(1, await _database.Ask<long>("SELECT count(DISTINCT embedding_rule) FROM notes"));
        Assert.Equal(0, (await corpus.Get<Audit>().Of("notes", isRepaired: false, default)).Found.Values.Sum());
    }

    [Theory]
    [InlineData("UPDATE notes SET embedding_state = 'dead' WHERE id = 1")]
    [InlineData("UPDATE notes SET embedding_state = '' WHERE id = 1")]
    [InlineData("INSERT INTO notes (title, embedding_state) VALUES ('another', 'Embedded')")]
    public async Task A_value_that_is_no_state_is_refused(string statement)
    {
        await using var corpus = await Notes("one");
        await corpus.MigrateAndRun();

        var refused = await Assert.ThrowsAsync<PostgresException>(() => _database.Execute(statement));

        Assert.Equal((PostgresErrorCodes.CheckViolation, "embedding_state_notes"), (refused.SqlState, refused.ConstraintName));
    }

    [Fact]
    public async Task The_column_has_the_declared_name_and_goes_with_its_constraint()
    {
        await using var notes = await Notes("one", "two");
        await _database.Execute("ALTER TABLE notes ADD COLUMN embedding_state text DEFAULT 'mine'");
        await using var corpus = Named("vector state");

        Assert.Equal(2, (await corpus.MigrateAndRun()).Counts.Embedded);
        Assert.Equal(2, (await corpus.Get<StatusReport>().Of("notes", default)).Kinds[0].Embedded);
        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM notes WHERE \"vector state\" = 'embedded'"));
        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);

        Assert.Equal("mine mine", await _database.Ask<string>(States));
        Assert.Equal(0, await _database.Ask<long>(
            "SELECT count(*) FROM pg_constraint WHERE conrelid = 'notes'::regclass AND contype = 'c'"));
    }

    [Fact]
    public async Task Another_declared_name_takes_the_constraint_along()
    {
        await using var corpus = await Notes("one", "two");
        await corpus.MigrateAndRun();
        await using var renamed = Named("note_state");

        await renamed.Migrate();

        Assert.Equal(2, (await renamed.Run()).Counts.Embedded);
        Assert.Equal(1, await _database.Ask<long>(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conname = 'embedding_state_notes' "
                + "AND convalidated AND pg_get_constraintdef(oid) LIKE '%(note_state = ANY%'"));
    }

    [Fact]
    public async Task Rows_are_read_for_the_constraint_in_a_step_of_its_own()
    {
        await using var corpus = await Notes("one");

        var plan = await corpus.Get<Migrator>().Plan(corpus.Corpus, new MigrationOptions(), default);

        Assert.Matches(
            "(?s)ADD COLUMN \"embedding_state\" text.*COMMIT.*BEGIN.*ADD CONSTRAINT \"embedding_state_notes\"[^;]* NOT VALID;.*COMMIT"
                + ".*BEGIN.*VALIDATE CONSTRAINT \"embedding_state_notes\";.*COMMIT", plan);
    }

    [Fact]
    public async Task A_constraint_whose_validation_was_interrupted_is_validated_by_the_next_migration()
    {
        await using var corpus = await Notes("one", "two");
        await corpus.Migrate();
        await _database.Execute(
            """
            ALTER TABLE notes DROP CONSTRAINT embedding_state_notes;
            CREATE FUNCTION stop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                IF current_query() LIKE '%VALIDATE%' THEN RAISE EXCEPTION 'stopped'; END IF; END $$;
            CREATE EVENT TRIGGER stop ON ddl_command_start EXECUTE FUNCTION stop();
            """);
        await Assert.ThrowsAsync<PostgresException>(() => corpus.Migrate());
        Assert.False(await IsValid());

        await _database.Execute("DROP EVENT TRIGGER stop");
        await corpus.Migrate();

        Assert.True(await IsValid());
        Assert.Equal("", await corpus.Get<Migrator>().Plan(corpus.Corpus, new MigrationOptions(), default));
    }

    [Fact]
    public async Task L1_values_that_were_written_without_the_constraint_are_cleared_and_the_rows_embedded_again()
    {
        await using var corpus = await Notes("one", "two", "three");
        await corpus.MigrateAndRun();
        await _database.Execute(
            "ALTER TABLE notes DROP CONSTRAINT embedding_state_notes; UPDATE notes SET embedding_state = 'done' WHERE id < 3");

        await corpus.Migrate();

        Assert.Equal("- - embedded", await _database.Ask<string>(States));
        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task D1_a_column_that_was_taken_over_is_cleared_and_stays_without_the_constraint()
    {
        await using var corpus = await Notes("one", "two");
        await _database.Execute("ALTER TABLE notes ADD COLUMN embedding_state text; UPDATE notes SET embedding_state = 'open'");
        var refused = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());
        Assert.Contains("notes.embedding_state is not ours, and has 2 values", refused.Message, StringComparison.Ordinal);

        await corpus.Migrate(takeOver: true);
        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);

        await _database.Execute("UPDATE notes SET embedding_state = 'open'");
        Assert.Equal("open open", await _database.Ask<string>(States));
    }

    [Fact]
    public async Task L1_a_failed_item_that_was_edited_past_the_trigger_is_found_by_the_audit()
    {
        await using var corpus = await Notes("far too long", "one");
        await corpus.MigrateAndRun();
        await _database.Execute(
            "ALTER TABLE notes DISABLE TRIGGER USER; UPDATE notes SET title = 'short' WHERE id = 1; "
                + "ALTER TABLE notes ENABLE ALWAYS TRIGGER zzz_embedding_note_edit_notes");

        Assert.Equal(1, (await corpus.Get<Audit>().Of("notes", isRepaired: true, default)).Found["note"]);

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Equal("embedded embedded", await _database.Ask<string>(States));
    }

    [Fact]
    public async Task L1_an_ignored_item_stays_ignored_while_its_text_says_the_same()
    {
        await using var corpus = await Notes("far too long", "one");
        await corpus.MigrateAndRun();
        await corpus.Get<FailedItems>().Ignore("notes", new FailureFilter([]), default);

        await _database.Execute("UPDATE notes SET title = title || '  ' WHERE id = 1");
        Assert.Equal(1, (await corpus.Run()).Counts.Unchanged);
        Assert.Equal("ignored embedded", await _database.Ask<string>(States));

        await _database.Execute("UPDATE notes SET title = 'short' WHERE id = 1");
        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
        Assert.Equal("embedded embedded", await _database.Ask<string>(States));
    }

    private Task<bool> IsValid() =>
        _database.Ask<bool>("SELECT convalidated FROM pg_constraint WHERE conname = 'embedding_state_notes'");

    private DeclaredCorpus Named(string state) => new(
        _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", columns = new { state } }));

    // The title "far too long" stands for one that is.
    private async Task<DeclaredCorpus> Notes(params string[] titles)
    {
        await using (await Declarations.CreateNotes(_database, 0))
        {
            await _database.Execute(
                "INSERT INTO notes (title) SELECT CASE t WHEN 'far too long' THEN repeat('far too long ', 9000) ELSE t END "
                    + "FROM unnest($1::text[]) t", [titles]);
            return new DeclaredCorpus(
                _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", longText = "fail" }));
        }
    }
}
