using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings corpus</c>: a declaration from a table to its first vectors, and the messages about wrong ones.</summary>
public sealed class CorpusTests : IAsyncLifetime, IDisposable
{
    private readonly TestFolder _folder = new();
    private FakeOpenAi _fake = null!;
    private TestDatabase _database = null!;

    private string File => Path.Combine(_folder.Path, "corpora.json");

    public async Task InitializeAsync()
    {
        _fake = await FakeOpenAi.StartAsync();
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE SCHEMA blog;
            CREATE TABLE blog.authors (id bigint PRIMARY KEY);
            CREATE TABLE blog.articles (
                id bigint PRIMARY KEY, author_id bigint REFERENCES blog.authors, slug text, title text, body text, is_draft boolean NOT NULL
                    DEFAULT false,
                created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
            INSERT INTO blog.articles (id, title, body) VALUES (1, 'First', 'words'), (2, 'Second', NULL), (3, NULL, 'only a body');
            INSERT INTO blog.articles (id, title, is_draft) VALUES (4, 'Draft', true);
            """);
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        await _fake.DisposeAsync();
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_proposed_declaration_is_checked_migrated_and_embedded_as_it_is()
    {
        var proposed = (await Run("corpus", "init", "blog.articles", "--output", File)).Exits(0)
            .Says("text: title, body; left out: slug").Says("partition: could be author_id, which refers to blog.authors")
                .Says("filter: only rows with is_draft false");
        Assert.Empty(proposed.Out);
        (await Run("corpus", "init", "blog.articles", "--output", File)).Exits(2).Says("is there already");

        var program = Program().Set("CORPORA_FILE", File);
        Assert.Equal("ok   articles\n", (await program.Run("corpus", "check")).Exits(0).Out.ReplaceLineEndings("\n"));
        Assert.EndsWith(
            "not migrated\n", (await program.Run("corpus", "list")).Exits(0).Out.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        (await program.Run("migrate", "articles")).Exits(0);
        (await program.Run("backfill", "articles")).Exits(0);

        Assert.Equal(
            "articles: blog.articles; text-embedding-3-small, 1536 dimensions; 0 */15 * * * *; migrated\n",
            (await program.Run("corpus", "list")).Exits(0).Out.ReplaceLineEndings("\n"));
        Assert.Equal(["First. words", "Second", "only a body"], _fake.PaidInputs.Keys.Order());
    }

    [Theory]
    [InlineData("blog.artciles", "There is no table 'blog.artciles': do you mean 'blog.articles'?")]
    [InlineData("blog.authors", "has no column with text to embed")]
    [InlineData("loose", "has no single column that tells its rows apart")]
    [InlineData("titles", "'titles' is a view")]
    public async Task A_table_that_cannot_be_a_corpus_is_a_clear_error(string table, string told)
    {
        await _database.Execute("CREATE TABLE loose (id int, title text); CREATE VIEW titles AS SELECT title FROM blog.articles");

        (await Run("corpus", "init", table)).Exits(2).Says(told);
    }

    [Fact]
    public async Task D14_columns_in_camel_case_tell_when_a_row_changed_and_was_created()
    {
        await _database.Execute("""CREATE TABLE posts (id int PRIMARY KEY, title text, "createdAt" timestamptz, "updatedAt" timestamptz, "deletedAt" timestamptz)""");

        var proposed = (await Run("corpus", "init", "posts")).Exits(0).Says("filter: only rows with deletedAt null").Out;

        Assert.Contains("\"changedAt\": \"updatedAt\"", proposed, StringComparison.Ordinal);
        Assert.Contains("\"createdAt\": \"createdAt\"", proposed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D14_a_foreign_table_is_named_for_what_it_is()
    {
        await _database.Execute(
            "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere; CREATE FOREIGN TABLE remote (id "
                + "int, title text) SERVER elsewhere");

        (await Run("corpus", "init", "remote")).Exits(2).Says("'remote' is a foreign table; it takes a table, which can hold vectors");
    }

    [Fact]
    public async Task D14_the_file_of_declarations_need_not_be_there_before_it_is_written()
    {
        var program = Program().Set("CORPORA_FILE", File);

        (await program.Run("corpus", "init", "blog.articles", "--output", File)).Exits(0);

        (await program.Run("corpus", "check")).Exits(0);
    }

    [Theory]
    [InlineData("vector")]
    [InlineData("halfvec")]
    [InlineData("vector(512)")]
    public async Task D14_beside_a_vector_of_another_program_what_is_proposed_works(string type)
    {
        await _database.Execute($"CREATE EXTENSION vector; ALTER TABLE blog.articles ADD COLUMN embedding {type}");

        (await Run("corpus", "init", "blog.articles", "--output", File)).Exits(0)
            .Says("vector: 0 vectors are there in articles.embedding, made by another program, so ours go to embedding_2");

        var program = Program().Set("CORPORA_FILE", File);
        (await program.Run("corpus", "check")).Exits(0);
        (await program.Run("migrate", "articles")).Exits(0);
    }

    [Fact]
    public async Task All_that_is_wrong_is_reported_at_once_with_its_lines()
    {
        await _database.Execute("ALTER TABLE blog.articles ADD COLUMN embedding real[]");
        var text = """
            { "corpora": [{
              "name": "articles",
              "dimensions": 512,
              "tables": [{
                "kind": "article", "table": "blog.articles",
                "text": "{titel}",
                "filter": [
                  { "column": "is_drft", "equalTo": "false" }]
              }]
            }] }
            """;
        await System.IO.File.WriteAllTextAsync(File, text);

        var check = (await Program().Set("CORPORA_FILE", File).Run("corpus", "check")).Exits(2);

        Assert.Equal(
            [
                $"{File}:4: articles: article: the column articles.embedding is real[], the corpus says vector(512): correct the "
                    + "declaration, or drop the column (its vectors cannot be kept) and migrate again",
                $"{File}:6: articles: article: the table articles has no column 'titel': do you mean 'title'?",
                $"{File}:8: articles: article: the table articles has no column 'is_drft': do you mean 'is_draft'?",
            ],
            check.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_generated_column_is_not_proposed_and_is_reported_after_a_migration_too()
    {
        await _database.Execute("ALTER TABLE blog.articles ADD COLUMN summary text, ADD COLUMN updated timestamptz");
        (await Run("corpus", "init", "blog.articles", "--output", File)).Exits(0);
        var program = Program().Set("CORPORA_FILE", File);
        (await program.Run("migrate", "articles")).Exits(0);
        await _database.Execute(
            """
            ALTER TABLE blog.articles DROP COLUMN summary, DROP COLUMN updated_at,
                ADD COLUMN summary text GENERATED ALWAYS AS (left(body, 9)) STORED, ADD COLUMN updated_at timestamptz GENERATED ALWAYS AS
                    (created_at) STORED
            """);

        var check = (await program.Run("corpus", "check")).Exits(2).Out;
        Assert.Contains(
            ":11: articles: article: the column articles.summary is generated, which the trigger that notes edits cannot see", check,
            StringComparison.Ordinal);
        Assert.Contains(":12: articles: article: the column articles.updated_at is generated", check, StringComparison.Ordinal);
        var proposed = (await Run("corpus", "init", "blog.articles")).Exits(0)
            .Says("text: title, body; left out: slug, summary (generated)").Out;
        Assert.Contains("\"changedAt\": \"updated\"", proposed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_filter_whose_value_is_none_of_its_columns_is_reported()
    {
        await System.IO.File.WriteAllTextAsync(File, """
            { "corpora": [{ "name": "articles", "dimensions": 16,
              "tables": [{ "kind": "article", "table": "blog.articles", "text": "{title}", "filter": [
                { "column": "is_draft", "equalTo": "nope" }] }] }] }
            """);

        var check = (await Program().Set("CORPORA_FILE", File).Run("corpus", "check")).Exits(2).Out;

        Assert.Contains(
            ":2: articles: article: its filter, partitions or textSearch do not fit: invalid input syntax for type boolean: \"nope\" "
                + "(22P02)",
            check, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_that_a_migration_refuses_is_reported_before()
    {
        await _database.Execute(
            """
            CREATE EXTENSION vector; CREATE TABLE similarity_cache (embedding vector(8)); CREATE TABLE embedding_queue (id int);
            CREATE TABLE blog.article_chunks (document_id bigint, content text);
            """);
        await System.IO.File.WriteAllTextAsync(File, """
            { "corpora": [{ "name": "articles", "dimensions": 16,
              "similarityCache": true,
              "tables": [{ "kind": "article", "table": "blog.articles", "text": "{title}", "longText": "chunk",
                "chunks": { "table": "article_chunks" },
                "queue": "row" }] }] }
            """);
        var program = Program().Set("CORPORA_FILE", File);

        var check = (await program.Run("corpus", "check")).Exits(2).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Collection(check,
            line =>
                Assert.StartsWith(
                    $"{File}:2: articles: similarity_cache.embedding is vector(8), the corpus says vector(16)", line,
                    StringComparison.Ordinal),
            line =>
                Assert.StartsWith(
                    $"{File}:4: articles: article: the table article_chunks cannot hold chunks of vector(16) of ids that are bigint", line,
                    StringComparison.Ordinal),
            line =>
                Assert.StartsWith(
                    $"{File}:5: articles: article: The table embedding_queue has no table_name, record_id", line,
                    StringComparison.Ordinal));
        (await program.Run("migrate", "articles")).Exits(2).Says("similarity_cache.embedding is vector(8)").Says("cannot hold chunks")
            .Says("embedding_queue has no table_name");
    }

    [Fact]
    public async Task Misspelt_properties_are_reported_with_the_right_word_by_every_command()
    {
        var text = """
            { "corpora": [{ "name": "articles",
              "dimension": 512,
              "tables": [{ "kind": "article", "tabel": "blog.articles", "text": "{title}" }] }] }
            """;
        await System.IO.File.WriteAllTextAsync(File, text);
        var program = Program().Set("CORPORA_FILE", File);

        Assert.Equal(
            $"{File}:2: unknown property 'dimension': do you mean 'dimensions'?\n{File}:3: unknown property 'tabel': do you mean "
                + "'table'?\n",
            (await program.Run("corpus", "check")).Exits(2).Out.ReplaceLineEndings("\n"));
        (await program.Run("status")).Exits(2).Says("line 2: unknown property 'dimension': do you mean 'dimensions'?")
            .Says("line 3: unknown property 'tabel'");
    }

    [Fact]
    public async Task The_shipped_corpora_are_no_fault_of_a_database_that_has_none_of_their_tables()
    {
        Assert.Contains(
            "clips: its tables are not in this database", (await Run("corpus", "check")).Exits(0).Out, StringComparison.Ordinal);
        Assert.Contains("there is no table 'clips'", (await Run("corpus", "check", "clips")).Exits(2).Out, StringComparison.Ordinal);
    }

    private Program Program() => new(_database, _fake);

    private Task<Result> Run(params string[] arguments) => Program().Run(arguments);
}
