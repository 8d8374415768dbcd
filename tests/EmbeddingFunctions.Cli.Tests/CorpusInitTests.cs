namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings corpus init</c>: a declaration from a table to its first vectors.</summary>
public sealed class CorpusInitTests : CorpusTest
{
    [Fact]
    public async Task A_proposed_declaration_is_checked_migrated_and_embedded_as_it_is()
    {
        var proposed = (await Run("corpus", "init", "blog.articles", "--output", Declared)).Exits(0)
            .Says("text: title, body; left out: slug").Says("partition: could be author_id, which refers to blog.authors")
                .Says("filter: only rows with is_draft false");
        Assert.Empty(proposed.Out);
        (await Run("corpus", "init", "blog.articles", "--output", Declared)).Exits(2).Says("is there already");

        var program = Program().Set("CORPORA_FILE", Declared);
        Assert.Equal("ok   articles\n", (await program.Run("corpus", "check")).Exits(0).Out.ReplaceLineEndings("\n"));
        Assert.EndsWith(
            "not migrated\n", (await program.Run("corpus", "list")).Exits(0).Out.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        (await program.Run("migrate", "articles")).Exits(0);
        (await program.Run("backfill", "articles")).Exits(0);

        Assert.Equal(
            "articles: blog.articles; text-embedding-3-small, 1536 dimensions; 0 */15 * * * *; migrated\n",
            (await program.Run("corpus", "list")).Exits(0).Out.ReplaceLineEndings("\n"));
        Assert.Equal(["First. words", "Second", "only a body"], Fake.PaidInputs.Keys.Order());
    }

    [Theory]
    [InlineData("blog.artciles", "There is no table 'blog.artciles': do you mean 'blog.articles'?")]
    [InlineData("blog.authors", "has no column with text to embed")]
    [InlineData("loose", "has no column that tells its rows apart")]
    public async Task A_table_that_cannot_be_a_corpus_is_a_clear_error(string table, string told)
    {
        await Target.Execute("CREATE TABLE loose (id int, title text)");

        (await Run("corpus", "init", table)).Exits(2).Says(told);
    }

    [Fact]
    public async Task D14_columns_in_camel_case_tell_when_a_row_changed_and_was_created()
    {
        await Target.Execute("""CREATE TABLE posts (id int PRIMARY KEY, title text, "createdAt" timestamptz, "updatedAt" timestamptz, "deletedAt" timestamptz)""");

        var proposed = (await Run("corpus", "init", "posts")).Exits(0).Says("filter: only rows with deletedAt null").Out;

        Assert.Contains("\"changedAt\": \"updatedAt\"", proposed, StringComparison.Ordinal);
        Assert.Contains("\"createdAt\": \"createdAt\"", proposed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D14_a_foreign_table_that_cannot_be_read_is_named_for_what_it_is()
    {
        await Target.Execute(
            "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere; CREATE FOREIGN TABLE remote (id "
                + "int, title text) SERVER elsewhere");

        (await Run("corpus", "init", "remote")).Exits(2).Says("The rows of the foreign table 'remote' cannot be read");
    }

    [Fact]
    public async Task D14_the_file_of_declarations_need_not_be_there_before_it_is_written()
    {
        var program = Program().Set("CORPORA_FILE", Declared);

        (await program.Run("corpus", "init", "blog.articles", "--output", Declared)).Exits(0);

        (await program.Run("corpus", "check")).Exits(0);
    }

    [Theory]
    [InlineData("vector")]
    [InlineData("halfvec")]
    [InlineData("vector(512)")]
    public async Task D14_beside_a_vector_of_another_program_what_is_proposed_works(string type)
    {
        await Target.Execute($"CREATE EXTENSION vector; ALTER TABLE blog.articles ADD COLUMN embedding {type}");

        (await Run("corpus", "init", "blog.articles", "--output", Declared)).Exits(0)
            .Says("vectors: 0 are there in articles.embedding, made by another program; ours are kept in a table of their own");

        var program = Program().Set("CORPORA_FILE", Declared);
        (await program.Run("corpus", "check")).Exits(0);
        (await program.Run("migrate", "articles")).Exits(0);
    }

    [Fact]
    public async Task A_generated_column_is_not_proposed_and_is_reported_after_a_migration_too()
    {
        await Target.Execute("ALTER TABLE blog.articles ADD COLUMN summary text, ADD COLUMN updated timestamptz");
        (await Run("corpus", "init", "blog.articles", "--output", Declared)).Exits(0);
        var program = Program().Set("CORPORA_FILE", Declared);
        (await program.Run("migrate", "articles")).Exits(0);
        await Target.Execute(
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
}
