using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Cli.Status;
using EmbeddingFunctions.Status;

namespace EmbeddingFunctions.Core.Tests.Messy;

/// <summary>Tables with rules of their owners': policies, triggers, deletions that are marks; and tables that change their shape.</summary>
public sealed partial class MessyTablesTests
{
    [Fact]
    public async Task Row_level_security_with_a_role_of_the_application()
    {
        var app = $"app_{_database.Name}";
        await _database.Execute(
            $"""
            CREATE ROLE {app};
            CREATE TABLE notes (id int PRIMARY KEY, tenant text, title text);
            ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant', true));
            GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {app};
            INSERT INTO notes SELECT n, 't' || n % 2, 'Note ' || n FROM generate_series(1, 4) n;
            """);
        try
        {
            await using var messy = await MessyTable.Propose(_database, "notes", "s.title");
            string As(string tenant, string sql) => $"SET app.tenant = '{tenant}'; SET ROLE {app}; {sql}; RESET ROLE";

            await Walk(
                messy, items: 4,
                As("t1", "UPDATE notes SET title = 'Edited'; INSERT INTO notes VALUES (5, 't1', 'Note 5')"), edited: 3,
                As("t0", "DELETE FROM notes"), left: 3);

            await messy.Corpus.MigrateAndRun();
            await _database.Execute(
                $"GRANT USAGE ON SCHEMA embedding TO {app}; GRANT SELECT ON embedding.vectors_notes_note TO {app}");
            await _database.Execute("INSERT INTO notes VALUES (6, 't0', 'Theirs')");
            Assert.Equal(3, await _database.Ask<long>($"{As("t1", "SELECT count(*) FROM embedding.vectors_notes_note")}"));
        }
        finally
        {
            await _database.Execute($"DROP OWNED BY {app}; DROP ROLE {app}");
        }
    }

    [Fact]
    public async Task Deletions_that_are_marks()
    {
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, deleted_at timestamptz);
            INSERT INTO notes SELECT n, 'Note ' || n, CASE WHEN n = 4 THEN now() END FROM generate_series(1, 4) n;
            """);
        await using var messy = await MessyTable.Propose(_database, "notes", "s.title", "s.deleted_at IS NULL");

        await Walk(
            messy, items: 3,
            "UPDATE notes SET deleted_at = now() WHERE id = 1; UPDATE notes SET deleted_at = NULL WHERE id = 4", edited: 1,
            "UPDATE notes SET deleted_at = now() WHERE id = 2", left: 2);
    }

    [Fact]
    public async Task A_trigger_that_sets_when_a_row_changed()
    {
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, hits int DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT now());
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;
            CREATE TRIGGER touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();
            INSERT INTO notes SELECT n, 'Note ' || n FROM generate_series(1, 3) n;
            """);
        await using var messy = await MessyTable.Propose(_database, "notes", "s.title");

        Assert.Equal("updated_at", messy.Declared.Tables[0].ChangedAt);
        await Walk(
            messy, items: 3, "UPDATE notes SET hits = 1; UPDATE notes SET title = 'Edited' WHERE id = 1", edited: 1,
            "DELETE FROM notes WHERE id = 1", left: 2);
    }

    [Fact]
    public async Task A_trigger_that_forbids_updates_of_closed_rows()
    {
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, is_closed boolean NOT NULL DEFAULT false);
            CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'This note is closed.'; END $$;
            CREATE TRIGGER keep BEFORE UPDATE ON notes FOR EACH ROW WHEN (OLD.is_closed) EXECUTE FUNCTION keep();
            INSERT INTO notes SELECT n, 'Note ' || n, n < 3 FROM generate_series(1, 4) n;
            """);
        await using var messy = await MessyTable.Propose(_database, "notes", "s.title");

        await Walk(
            messy, items: 4, "UPDATE notes SET title = 'Edited', is_closed = true WHERE id = 4", edited: 1,
            "DELETE FROM notes WHERE is_closed", left: 1);
    }

    [Fact]
    public async Task A_table_that_is_dropped_and_made_again()
    {
        const string Create =
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text);
            INSERT INTO notes VALUES (1, 'One'), (2, 'Two'), (3, 'Three');
            """;
        await _database.Execute(Create);
        await using var before = await MessyTable.Propose(_database, "notes", "s.title");
        await before.Corpus.MigrateAndRun();
        await _database.Execute(
            $"DROP TABLE notes; {Create} UPDATE notes SET title = 'Another' WHERE id = 1; DELETE FROM notes WHERE id = 2");
        await using var messy = await MessyTable.Propose(_database, "notes", "s.title");

        Assert.Contains(
            await messy.Check(), fault => fault.Contains("is gone", StringComparison.Ordinal)
                && fault.EndsWith("run 'embeddings migrate notes'", StringComparison.Ordinal));
        await messy.Corpus.Migrate();

        Assert.Equal(1, (await messy.Corpus.Run()).Counts.Embedded);
        await messy.AssertTrue();
        await messy.Remove();
        await messy.AssertGone();
    }

    [Fact]
    public async Task A_key_that_becomes_wider()
    {
        await _database.Execute("CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'One'), (2, 'Two')");
        await using var before = await MessyTable.Propose(_database, "notes", "s.title");
        await before.Corpus.MigrateAndRun();
        await _database.Execute("ALTER TABLE notes ALTER COLUMN id TYPE bigint; INSERT INTO notes VALUES (5000000000, 'Far')");

        await using var messy = await MessyTable.Propose(_database, "notes", "s.title");
        Assert.Contains(
            await messy.Check(), fault => fault.Contains(
                "notes.id is of another type now than in vectors_notes_note: run 'embeddings migrate notes'", StringComparison.Ordinal));
        Assert.Equal(1, (await messy.Corpus.MigrateAndRun()).Counts.Embedded);

        await messy.AssertTrue();
        Assert.Empty(await messy.Check());
        await messy.Remove();
        await messy.AssertGone();
    }

    [Fact]
    public async Task A_column_that_is_renamed()
    {
        await _database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'One'), (2, 'Two'), (3, 'Three')");
        await using var before = await MessyTable.Propose(_database, "notes", "s.title");
        await before.Corpus.MigrateAndRun();
        await _database.Execute(
            """
            ALTER TABLE notes RENAME COLUMN title TO headline;
            UPDATE notes SET headline = 'Another' WHERE id = 1;
            INSERT INTO notes VALUES (4, 'Four');
            DELETE FROM notes WHERE id = 2;
            """);

        const string Told = "note: the table notes has no column 'title'";
        Assert.Contains(await before.Check(), fault => fault.Contains(Told, StringComparison.Ordinal));
        Assert.Contains(Told, (await Assert.ThrowsAnyAsync<CorpusException>(() => before.Corpus.Migrate())).Message,
            StringComparison.Ordinal);
        await using var later = await MessyTable.Propose(
            _database, "notes", "s.title", declare: corpus => corpus["tables"]![0]!["text"] = "{title}");
        Assert.Contains(
            Told, (await Assert.ThrowsAnyAsync<CorpusException>(() => later.Corpus.Get<StatusReport>().Of("notes", default))).Message,
            StringComparison.Ordinal);
        var findings = await before.Corpus.Get<Doctor>().Examine([before.Declared], default);
        Assert.Contains(findings, finding => !finding.IsWell && finding.Message.Contains(Told, StringComparison.Ordinal));

        await using var messy = await MessyTable.Propose(
            _database, "notes", "s.headline", declare: corpus => corpus["tables"]![0]!["text"] = "{headline}");
        await messy.Corpus.MigrateAndRun();
        await messy.AssertTrue();
        Assert.Equal(3, await Count("embedding.vectors_notes_note"));
        await messy.Remove();
        await messy.AssertGone();
    }
}
