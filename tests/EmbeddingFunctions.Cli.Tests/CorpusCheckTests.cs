namespace EmbeddingFunctions.Cli.Tests;

/// <summary><c>embeddings corpus check</c>: the messages about wrong declarations.</summary>
public sealed class CorpusCheckTests : CorpusTest
{
    [Fact]
    public async Task All_that_is_wrong_is_reported_at_once_with_its_lines()
    {
        await Target.Execute("ALTER TABLE blog.articles ADD COLUMN embedding real[]");
        var text = """
            { "corpora": [{
              "name": "articles",
              "dimensions": 512, "store": "column",
              "tables": [{
                "kind": "article", "table": "blog.articles",
                "text": "{titel}",
                "filter": [
                  { "column": "is_drft", "equalTo": "false" }]
              }]
            }] }
            """;
        await File.WriteAllTextAsync(Declared, text);

        var check = (await Program().Set("CORPORA_FILE", Declared).Run("corpus", "check")).Exits(2);

        Assert.Equal(
            [
                $"{Declared}:4: articles: article: the column articles.embedding is real[], the corpus says vector(512): correct the "
                    + "declaration, or drop the column (its vectors cannot be kept) and migrate again",
                $"{Declared}:6: articles: article: the table articles has no column 'titel': do you mean 'title'?",
                $"{Declared}:8: articles: article: the table articles has no column 'is_drft': do you mean 'is_draft'?",
            ],
            check.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_filter_whose_value_is_none_of_its_columns_is_reported()
    {
        await File.WriteAllTextAsync(Declared, """
            { "corpora": [{ "name": "articles", "dimensions": 16,
              "tables": [{ "kind": "article", "table": "blog.articles", "text": "{title}", "filter": [
                { "column": "is_draft", "equalTo": "nope" }] }] }] }
            """);

        var check = (await Program().Set("CORPORA_FILE", Declared).Run("corpus", "check")).Exits(2).Out;

        Assert.Contains(
            ":2: articles: article: its filter, partitions or textSearch do not fit: invalid input syntax for type boolean: \"nope\" "
                + "(22P02)",
            check, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_that_a_migration_refuses_is_reported_before()
    {
        await Target.Execute(
            """
            CREATE EXTENSION vector; CREATE TABLE similarity_cache (embedding vector(8)); CREATE TABLE embedding_queue (id int);
            CREATE TABLE blog.article_chunks (document_id bigint, content text);
            """);
        await File.WriteAllTextAsync(Declared, """
            { "corpora": [{ "name": "articles", "dimensions": 16,
              "store": "column", "similarityCache": true,
              "tables": [{ "kind": "article", "table": "blog.articles", "text": "{title}", "longText": "chunk",
                "chunks": { "table": "article_chunks" },
                "queue": "row" }] }] }
            """);
        var program = Program().Set("CORPORA_FILE", Declared);

        var check = (await program.Run("corpus", "check")).Exits(2).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Collection(check,
            line =>
                Assert.StartsWith(
                    $"{Declared}:2: articles: similarity_cache.embedding is vector(8), the corpus says vector(16)", line,
                    StringComparison.Ordinal),
            line =>
                Assert.StartsWith(
                    $"{Declared}:4: articles: article: the table article_chunks cannot hold chunks of vector(16) of ids that are bigint",
                    line, StringComparison.Ordinal),
            line =>
                Assert.StartsWith(
                    $"{Declared}:5: articles: article: The table embedding_queue has no table_name, record_id", line,
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
        await File.WriteAllTextAsync(Declared, text);
        var program = Program().Set("CORPORA_FILE", Declared);

        Assert.Equal(
            $"{Declared}:2: unknown property 'dimension': do you mean 'dimensions'?\n{Declared}:3: unknown property 'tabel': do you mean "
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
}
