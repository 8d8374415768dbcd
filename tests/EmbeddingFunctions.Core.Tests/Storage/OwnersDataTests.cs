using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
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
