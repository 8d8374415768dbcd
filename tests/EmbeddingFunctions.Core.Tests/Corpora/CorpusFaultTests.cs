using EmbeddingFunctions.Corpora;

namespace EmbeddingFunctions.Core.Tests.Corpora;

/// <summary>Faults of a file of declarations, each with its line.</summary>
public sealed class CorpusFaultTests
{
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
}
