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
            ("workspace", 384, VectorType.Vector, 200, 20, 2, 5),
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
    public void D19_a_filter_that_does_not_say_what_it_keeps_is_refused_with_the_form_that_does()
    {
        const string Table = """{ "kind": "note", "table": "notes", "text": "{title}", "filter": [{ "column": "deleted_at" }] }""";

        var faults = CorpusFile.Examine($$"""{ "corpora": [{ "name": "notes", "dimensions": 16, "tables": [{{Table}}] }] }""", "my.json")
            .Faults;

        Assert.Contains("{ \"column\": \"deleted_at\", \"isNull\": true }", Assert.Single(faults).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"equalTo\": \"a\", \"isNull\": false", "has equalTo and isNull; it takes one of them")]
    [InlineData("\"<\": \"2\", \"not\": \"1\"", "has not and <; it takes one of them")]
    [InlineData("\"in\": []", "has an empty list in 'in', which keeps no row")]
    [InlineData("\"=<\": \"2\"", "unknown property '=<'")]
    public void A_filter_has_one_condition_or_is_a_range(string conditions, string problem)
    {
        var table = $$"""{ "kind": "note", "table": "notes", "text": "{title}", "filter": [{ "column": "state", {{conditions}} }] }""";

        var faults = CorpusFile.Examine($$"""{ "corpora": [{ "name": "notes", "dimensions": 16, "tables": [{{table}}] }] }""", "my.json")
            .Faults;

        Assert.Contains(problem, Assert.Single(faults).Message, StringComparison.Ordinal);
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
    public void All_misspelt_properties_are_reported_at_once_with_their_lines()
    {
        var faults = CorpusFile.Examine("""
            { // clips
              "corpora": [{ "name": "notes", "dimensions": 16,
                "partitions": { "tabel": "x", "column": "y", "owner": { "table": "o", "referredBy": "o", "filters": [] } },
                "index": { "m": 8, "efconstruction": 64 },
                "tables": [{
                  "kind": "note", "table": "notes", "text": "{title}",
                  "filter": [{ "colum": "state",
                    "value": [{ "any": 1 }] }] }] }]
            }
            """, "my.json").Faults;

        Assert.Equal(
            [
                (3, "unknown property 'tabel': do you mean 'table'?"), (3, "unknown property 'filters': do you mean 'filter'?"),
                (7, "unknown property 'colum': do you mean 'column'?"),
                (8, "unknown property 'value'; docs/corpora.md lists the properties"),
            ],
            faults.Select(fault => ((int)fault.Line, fault.Message)));
    }

    [Fact]
    public void A_file_that_is_a_list_is_reported_what_it_must_be()
    {
        var fault = Assert.Single(CorpusFile.Examine("\n[]", "my.json").Faults);

        Assert.Equal((2, "the file takes an object, in braces: { \"corpora\": [ … ] }"), ((int)fault.Line, fault.Message));
    }

    [Theory]
    [InlineData("\"name\": \"notes\"", "", 2, "it lacks 'name'")]
    [InlineData("\"dimensions\": 16", "\"dimensions\": \"16\"", 3, "dimensions takes a whole number, without quotes")]
    [InlineData("\"trigger\": true", "\"trigger\": \"yes\"", 4, "trigger takes true or false, without quotes")]
    [
        InlineData(
            "\"vectorType\": \"vector\"", "\"vectorType\": \"vectr\"", 5,
            "vectorType is 'vectr'; it takes vector or halfVec: do you mean 'vector'?")]
    [InlineData("\"vectorType\": \"vector\"", "\"vectorType\": 3", 5, "vectorType is '3'; it takes vector or halfVec")]
    [InlineData("\"equalTo\": \"false\"", "\"equalTo\": false", 6, "equalTo takes text in quotes: \"false\"")]
    [InlineData("\"filter\": [{ \"column\": \"x\", \"equalTo\": \"false\" }]", "\"filter\": 1", 6, "filter takes a list, in brackets")]
    [InlineData("\"filter\": [{ \"column\": \"x\", \"equalTo\": \"false\" }]", "\"filter\": {}", 6, "filter takes a list, in brackets")]
    public void A_value_that_cannot_be_is_reported_with_what_can(string good, string bad, int line, string message)
    {
        const string Json = """
            { "corpora": [
              { "name": "notes",
                "dimensions": 16,
                "trigger": true,
                "vectorType": "vector",
                "tables": [{ "kind": "note", "table": "notes", "text": "{title}", "filter": [{ "column": "x", "equalTo": "false" }] }] }] }
            """;
        Assert.Empty(CorpusFile.Examine(Json, "my.json").Faults);

        var fault = Assert.Single(
            CorpusFile.Examine(
                Json.Replace(bad.Length == 0 ? good + ",\n" : good, bad.Length == 0 ? "\n" : bad, StringComparison.Ordinal),
                "my.json").Faults);

        Assert.Equal((line, message), ((int)fault.Line, fault.Message));
    }

    [Fact]
    public void What_cannot_be_is_reported_with_its_line()
    {
        var error = Assert.Throws<InvalidCorpusException>(() => CorpusFile.Parse("""
            { "corpora": [
              { "name": "notes", "dimensions": 0, "tables": [{ "kind": "note", "table": "notes", "text": "{title}" }] },
              { "name": "notes", "dimensions": 8, "tables": [{ "kind": "note", "table": "others",
                "text": "{title" }] }
            ] }
            """, "my.json"));

        Assert.Equal(
            [
                "my.json declares what cannot be:", "line 3: two corpora are called 'notes'",
                "line 2: notes: dimensions is 0; an index on this vectorType takes 1 to 2000",
                "line 4: notes: note: the text '{title' does not close a brace",
            ],
            error.Message.Split("\n  - "));
    }

    [Fact]
    public void What_is_not_said_has_the_shipped_values()
    {
        var corpus = Parse($$"""{ "name": "notes", "dimensions": 16, "tables": [{{Notes}}] }""").Get("notes");

        Assert.Equal(
            (200, 20, 2, 5, "0 */15 * * * *", VectorType.Vector),
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
            "Declared are: workspace, sessions, summaries, clips, documents.",
            Assert.Throws<NotFoundException>(() => corpora.Get("docs")).Message, StringComparison.Ordinal);
        Assert.Contains(
            "It has: issue, pull_request, discussion.",
            Assert.Throws<NotFoundException>(() => corpora.Get("workspace").TableOf("commit")).Message, StringComparison.Ordinal);
    }

    private static CorpusSet Parse(string corpus) => CorpusFile.Parse($$"""{ "corpora": [{{corpus}}] }""", "my.json");
}
