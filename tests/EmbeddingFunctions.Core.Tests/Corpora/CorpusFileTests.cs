using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Corpora;

public sealed class CorpusFileTests
{
    private const string Notes = """{ "kind": "note", "table": "notes", "text": "{title}" }""";

    [Fact]
    public void The_shipped_declaration_is_the_old_system()
    {
        var corpus = CorpusFile.Load(null).Get("workspace");

        Assert.Equal(
            ("workspace", 384, VectorType.Vector, 200, 20, (int?)2, 5),
            (
                corpus.Name, corpus.Dimensions, corpus.VectorType, corpus.PageSize, corpus.BatchSize, corpus.LanesPerPartition,
                corpus.StartsPerMinute));
        Assert.Equal(("0 */15 * * * *", 2_000), (corpus.Schedule, corpus.MaxCharacters));
        Assert.Equal(
            [
                ("issue", "issues", 3, "[ISSUE] {title} {body}"),
                ("pull_request", "pull_requests", 2, "[PULL_REQUEST] {title} {body}"),
                ("discussion", "discussions", 2, "[DISCUSSION] {title} {body}"),
            ],
            corpus.Tables.Select(table => (table.Kind, table.Table, table.Priority, table.Text)));
    }

    [Fact]
    public void The_example_of_the_page_is_a_declaration()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "corpora.md"));
        var example = page[(page.IndexOf("```json", StringComparison.Ordinal) + "```json".Length)..];
        var corpus = CorpusFile.Parse(example[..example.IndexOf("```", StringComparison.Ordinal)], "corpora.md").Get("articles");
        Assert.Equal(("blog.articles", "blog.authors"), (corpus.Tables[0].Table, corpus.Partitions?.Table));
    }

    [Fact]
    public void A_misspelt_property_is_named_with_its_line()
    {
        var json = $$"""
            { "corpora": [{ "name": "notes", "dimensions": 16,
              "page_size": 100, "tables": [{{Notes}}] }] }
            """;
        var error = Assert.Throws<InvalidCorpusException>(() => CorpusFile.Parse(json, "mine.json"));
        Assert.Equal("mine.json cannot be read: line 2: unknown property 'page_size': do you mean 'pageSize'?", error.Message);
    }

    [Fact]
    public void What_is_not_said_has_the_shipped_values()
    {
        var corpus = Parse($$"""{ "name": "notes", "dimensions": 16, "tables": [{{Notes}}] }""").Get("notes");

        Assert.Equal(
            (200, (int?)null, (int?)null, 5, "0 */15 * * * *", VectorType.Vector),
            (corpus.PageSize, corpus.BatchSize, corpus.LanesPerPartition, corpus.StartsPerMinute, corpus.Schedule, corpus.VectorType));
        Assert.Equal(
            ("id", null, null, 1),
            (corpus.Tables[0].Id, corpus.Tables[0].Partition, corpus.Tables[0].ChangedAt, corpus.Tables[0].Priority));
    }

    [Fact]
    public void Comments_trailing_commas_and_any_case_of_a_vector_type_are_fine()
    {
        var corpus = Parse($$"""{ "name": "notes", /* wide */ "dimensions": 4000, "vectorType": "halfvec", "tables": [{{Notes}},], }""")
            .Get("notes");

        Assert.Equal(VectorType.HalfVec, corpus.VectorType);
    }

    [Theory]
    [InlineData("""{ "name": "notes", "dimension": 16, "tables": [] }""", "'dimension'")]
    [InlineData("""{ "name": "notes", "dimensions": 16, "tables": [{ "kind": "note", "tabel": "notes", "text": "{t}" }] }""", "'tabel'")]
    [InlineData("""{ "name": "notes", "tables": [] }""", "'dimensions'")]
    [InlineData("""{ "name": "notes", "dimensions": 16, "tables": [{ "kind": "note", "text": "{t}" }] }""", "'table'")]
    [InlineData("""{ "name": "notes", "dimensions": 16, "dimensions": 32, "tables": [] }""", "dimensions")]
    [InlineData("""{ "name": "notes", "dimensions": 16, "tables": null }""", "tables")]
    [InlineData("""{ "name": "notes", "dimensions": 16, "tables": [null] }""", "$.corpora[0].tables[0] is null")]
    [InlineData("null", "$.corpora[0] is null")]
    [InlineData("""{ "name": "notes", "dimensions": 16, "vectorType": 1, "tables": [] }""", "vectorType")]
    [InlineData("""{ "name": "notes", "dimensions": 16, "vectorType": "bit", "tables": [] }""", "vectorType")]
    [InlineData("""{ "name": "notes", "dimensions": 1.5, "tables": [] }""", "dimensions")]
    [
        InlineData(
            """{ "name": "notes", "dimensions": 16, "tables": [{ "kind": "note", "table": "a\u0000b", "text": "{t}" }] }""",
            "$.corpora[0].tables[0].table holds a NUL character")]
    [
        InlineData(
            """{ "name": "notes", "dimensions": 16, "tables": [{ "kind": "note", "table": "\ud800", "text": "{t}" }] }""",
            "tables[0].table")]
    [InlineData("""{ "name": "notes", "dimensions": 16,""", "cannot be read")]
    public void A_declaration_that_cannot_be_read_says_where(string corpus, string told)
    {
        var error = Assert.Throws<InvalidCorpusException>(() => Parse(corpus));

        Assert.StartsWith("my.json cannot be read: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{} {}")]
    [InlineData("<xml/>")]
    public void A_file_that_is_something_else_is_a_clear_error(string json)
    {
        var error = Assert.Throws<InvalidCorpusException>(() => CorpusFile.Parse(json, "my.json"));

        Assert.StartsWith("my.json cannot be read: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/no/such/file.json")]
    [InlineData("/")]
    public void A_file_that_is_not_there_is_a_clear_error(string path)
    {
        var error = Assert.Throws<InvalidCorpusException>(() => CorpusFile.Load(path));

        Assert.StartsWith($"The corpora file '{path}' (CORPORA_FILE) cannot be read: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_users_own_file_is_read()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, $$"""{ "corpora": [{ "name": "notes", "dimensions": 16, "tables": [{{Notes}}] }] }""");

            Assert.Equal("notes", Assert.Single(CorpusFile.Load(path).All).Name);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void An_unknown_corpus_or_kind_is_answered_with_those_there_are()
    {
        var corpora = CorpusFile.Load(null);

        Assert.Contains(
            "The shipped corpora.json (CORPORA_FILE is not set) declares workspace, sessions, summaries, clips, documents.",
            Assert.Throws<NotFoundException>(() => corpora.Get("docs")).Message, StringComparison.Ordinal);
        Assert.Contains(
            "It has: issue, pull_request, discussion.",
            Assert.Throws<NotFoundException>(() => corpora.Get("workspace").TableOf("commit")).Message, StringComparison.Ordinal);
    }

    private static CorpusSet Parse(string corpus) => CorpusFile.Parse($$"""{ "corpora": [{{corpus}}] }""", "my.json");
}
