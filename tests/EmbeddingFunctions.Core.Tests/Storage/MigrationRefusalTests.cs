using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>What is in the way of a migration, and is reported before anything is made.</summary>
public sealed class MigrationRefusalTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.Empty();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Missing_base_tables_are_all_named_with_what_to_do_and_nothing_is_made()
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.All(
            ["issues", "pull_requests", "discussions", "workspace_repositories", "workspaces"],
            table => Assert.Contains($"there is no table '{table}'", error.Message, StringComparison.Ordinal));
        Assert.Contains("embeddings migrate workspace --with-sample-tables", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"));
    }

    [Fact]
    public async Task Missing_columns_are_all_named()
    {
        await _database.Execute("CREATE TABLE notes (id uuid PRIMARY KEY, body text)");
        await using var corpus = new DeclaredCorpus(
            _database.Source, Declarations.Notes(new { kind = "note", table = "notes", text = "{title} {body}", changedAt = "edited_at" }));

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains("note: the table notes has no column 'title'", error.Message, StringComparison.Ordinal);
        Assert.Contains("note: the table notes has no column 'edited_at'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("--with-sample-tables", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vector(1536)", "vector(1536)")]
    [InlineData("halfvec(16)", "halfvec(16)")]
    [InlineData("vector", "vector without dimensions")]
    [InlineData("jsonb", "jsonb")]
    public async Task A_vector_column_of_another_width_or_type_is_a_clear_error(string type, string told)
    {
        await using var corpus = await Notes(rows: 1);
        await _database.Execute($"CREATE EXTENSION vector; ALTER TABLE notes ADD COLUMN embedding {type}");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains($"the column notes.embedding is {told}, the corpus says vector(16)", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_class WHERE relname = 'embedding.rules'"));
    }

    [Theory]
    [InlineData("embedding_generated_at timestamp", "embedding_generated_at is of type timestamp without time zone")]
    [InlineData("content_hash bytea", "content_hash is of type bytea")]
    public async Task A_column_that_another_system_left_with_another_type_is_a_clear_error(string column, string told)
    {
        await using var corpus = await Notes(rows: 1);
        await _database.Execute($"ALTER TABLE notes ADD COLUMN {column}");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains($"the column notes.{told}, which is not ours: declare another name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Old_vectors_in_a_column_of_the_right_width_are_made_again_once_a_person_says_so_and_the_columns_stay()
    {
        await using var corpus = await Notes(rows: 2);
        await _database.Execute(
            """
            CREATE EXTENSION vector;
            ALTER TABLE notes ADD COLUMN embedding vector(16), ADD COLUMN embedding_generated_at timestamptz, ADD COLUMN content_hash text;
            UPDATE notes SET embedding = array_fill(0.5, ARRAY[16])::vector, embedding_generated_at = now(), content_hash =
                'of another system';
            """);

        Assert.Contains(
            "2 vectors are there", (await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate())).Message,
            StringComparison.Ordinal);
        await corpus.Migrate(takeOver: true);

        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);
        await corpus.Get<EmbeddingFunctions.Schema.CorpusRemoval>().Remove("notes", null, default);
        Assert.Equal(2, await _database.Ask<long>("SELECT count(embedding) FROM notes WHERE content_hash IS NOT NULL"));
    }

    [Fact]
    public async Task A_table_of_another_program_in_the_way_is_a_clear_error()
    {
        await using var corpus = await Notes(rows: 1);
        await _database.Execute("CREATE SCHEMA embedding CREATE TABLE jobs (id uuid PRIMARY KEY)");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate());

        Assert.Contains(
            "\"jobs\" already exists in the schema 'embedding', and no migration made it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sample_tables_that_do_not_fit_those_there_are_a_clear_error()
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());
        await _database.Execute("CREATE TABLE repositories (id bigint PRIMARY KEY)");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate(withSampleTables: true));

        Assert.Contains("cannot be implemented (42804)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_of_another_width_is_a_clear_error()
    {
        await using var corpus = new DeclaredCorpus(_database.Source, Declarations.Workspace());
        await _database.Execute("CREATE EXTENSION vector; CREATE TABLE similarity_cache (embedding vector(768))");

        var error = await Assert.ThrowsAsync<DatabaseNotReadyException>(() => corpus.Migrate(withSampleTables: true));

        Assert.Contains("similarity_cache.embedding is vector(768), the corpus says vector(384)", error.Message, StringComparison.Ordinal);
    }

    private Task<DeclaredCorpus> Notes(int rows) => Declarations.CreateNotes(_database, rows);
}
