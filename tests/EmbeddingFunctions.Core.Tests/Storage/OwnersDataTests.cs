using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Runs;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Status;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>
/// Nothing of the table owner's is written, altered or dropped, and no statement of the owner's fails because of a corpus.
/// </summary>
public sealed class OwnersDataTests : IAsyncLifetime
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
    [InlineData("content_hash text NOT NULL DEFAULT 'mine'", "\"contentHash\"")]
    [InlineData("embedding_model text DEFAULT 'mine'", "\"model\"")]
    [InlineData("content_hash bytea", "\"contentHash\"")]
    [InlineData("embedding_state text", "\"state\"")]
    public async Task A_column_of_the_owners_is_refused_with_a_declared_alternative_and_never_dropped(string column, string told)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 2);
        await _database.Execute($"ALTER TABLE notes ADD COLUMN {column}");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relname LIKE 'embedding\\_%'"));
    }

    [Fact]
    public async Task Vectors_that_another_program_made_are_counted_and_left_alone()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 50);
        await _database.Execute(
            "CREATE EXTENSION vector; ALTER TABLE notes ADD COLUMN embedding vector(16); UPDATE notes SET embedding = array_fill(0.5, "
                + "ARRAY[16])::vector");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains("50 vectors are there in notes.embedding, made by another program", error.Message, StringComparison.Ordinal);
        Assert.Equal(50, await _database.Ask<long>("SELECT count(*) FROM notes WHERE embedding = array_fill(0.5, ARRAY[16])::vector"));
    }

    [Fact]
    public async Task A_second_corpus_over_a_table_is_refused_with_the_name_of_the_first()
    {
        await using var first = await Declarations.CreateNotes(_database, 3);
        await first.MigrateAndRun();
        await using var second = new DeclaredCorpus(
            _database.Source,
            new { name = "memos", dimensions = 16, tables = new[] { new { kind = "memo", table = "notes", text = "MEMO {title}" } } });

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => second.Migrate());

        Assert.Contains("the table notes is embedded by the corpus 'notes' already", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await first.Run()).ItemsTotal);
    }

    [Fact]
    public async Task A_function_of_the_owners_is_not_replaced()
    {
        await _database.Execute("CREATE FUNCTION cleanup_expired_cache() RETURNS integer LANGUAGE sql AS 'SELECT 42'");
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate(withSampleTables: true));

        Assert.Contains("cleanup_expired_cache()", error.Message, StringComparison.Ordinal);
        Assert.Equal(42, await _database.Ask<int>("SELECT cleanup_expired_cache()"));
    }

    [Fact]
    public async Task Declaring_another_vector_column_keeps_the_one_that_searches_use()
    {
        await using (var corpus = await Declarations.CreateNotes(_database, 3))
        {
            await corpus.MigrateAndRun();
        }

        await using var other = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", vector = "embedding2" }));
        var said = new List<string>();
        await other.Migrate(progress: said.Add);

        Assert.Equal(1, await _database.Ask<long>("SELECT count(*) FROM pg_indexes WHERE indexname = 'embedding_hnsw_notes'"));
        Assert.Contains(
            said, line => line.StartsWith("the column notes.embedding is declared no more, and stays", StringComparison.Ordinal));
        Assert.Equal(3, await _database.Ask<long>("SELECT count(embedding) FROM notes"));
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
    public async Task A_row_without_vector_and_fingerprint_is_pending_whatever_its_rule()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();
        await _database.Execute("UPDATE notes SET embedding = NULL, content_hash = NULL WHERE id = 1");

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
    }

    [Theory]
    [InlineData("content_hash")]
    [InlineData("embedding_rule")]
    [InlineData("embedding_state")]
    public async Task L1_a_vector_without_a_fingerprint_or_rule_or_state_is_looked_at(string column)
    {
        await using var corpus = await Declarations.CreateNotes(_database, 3);
        await corpus.MigrateAndRun();
        await _database.Execute($"UPDATE notes SET {column} = NULL WHERE id = 1");

        var counts = (await corpus.Run()).Counts;

        // What is known of the text without a rule tells that its vector is of it.
        Assert.Equal(column == "embedding_rule" ? (0, 1) : (1, 0), (counts.Embedded, counts.Unchanged));
        Assert.Equal(0, await _database.Ask<long>($"SELECT count(*) FROM notes WHERE {column} IS NULL"));
    }

    [Fact]
    public async Task D1_a_column_of_the_owners_keeps_its_values_where_another_name_is_declared()
    {
        await using (await Declarations.CreateNotes(_database, 2))
        {
        }

        await _database.Execute("ALTER TABLE notes ADD COLUMN content_hash text NOT NULL DEFAULT 'mine'");
        var columns = new { contentHash = "embedding_hash" };
        await using var corpus = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title}", columns }));

        Assert.Equal(2, (await corpus.MigrateAndRun()).Counts.Embedded);
        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);

        Assert.Equal(2, await _database.Ask<long>("SELECT count(*) FROM notes WHERE content_hash = 'mine'"));
        Assert.Equal(0, await _database.Ask<long>(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'embedding_hash' AND NOT attisdropped"));
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

    [Fact]
    public async Task A_removal_takes_what_was_made_and_leaves_the_rest()
    {
        await using var corpus = await Declarations.CreateNotes(_database, 2);
        await _database.Execute("ALTER TABLE notes ADD COLUMN embedding_content text DEFAULT 'mine'");
        await corpus.MigrateAndRun();

        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);

        Assert.Equal("body,edited_at,embedding_content,id,title", await _database.Ask<string>(
            "SELECT string_agg(attname, ',' ORDER BY attname) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0 AND NOT "
                + "attisdropped"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_proc WHERE proname LIKE 'embedding\\_note%'"));
    }
}
