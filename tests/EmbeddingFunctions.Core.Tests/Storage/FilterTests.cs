using System.Text.Json;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Each condition of a declared filter, on rows of each kind and on columns of several types.</summary>
public sealed class FilterTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, state varchar(20), stars int, made timestamptz, "odd "" name" text);
            INSERT INTO notes VALUES (1, 'a', 'open', 1, '2026-01-01 00:00+00', 'x'), (2, 'b', 'draft', 50, '2026-06-01 00:00+00', 'y''s'),
                (3, 'c', 'deleted', 100, '2026-12-01 00:00+00', NULL), (4, 'd', NULL, NULL, NULL, NULL);
            """);
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("""[{ "column": "state", "equalTo": "open" }]""", "1")]
    [InlineData("""[{ "column": "state", "in": ["open", "draft"] }]""", "1,2")]
    [InlineData("""[{ "column": "state", "not": "deleted" }]""", "1,2,4")]
    [InlineData("""[{ "column": "stars", "<": "50" }]""", "1")]
    [InlineData("""[{ "column": "stars", ">": "1" }]""", "2,3")]
    [InlineData("""[{ "column": "stars", ">": "1", "<": "100" }]""", "2")]
    [InlineData("""[{ "column": "made", ">": "2026-05-31 22:00:00-02" }, { "column": "state", "not": "deleted" }]""", "")]
    [InlineData("""[{ "column": "made", ">": "2026-05-31 21:59:59-02" }, { "column": "state", "not": "deleted" }]""", "2")]
    [InlineData("""[{ "column": "stars", "isNull": true }]""", "4")]
    [InlineData("""[{ "column": "stars", "isNull": false }, { "column": "stars", "not": "50" }]""", "1,3")]
    [InlineData("""[{ "column": "odd \" name", "in": ["y's", "');--"] }]""", "2")]
    public async Task A_filter_keeps_the_rows_that_meet_it(string filter, string kept)
    {
        await using var corpus = Corpus(filter);

        await corpus.MigrateAndRun();

        Assert.Equal(
            kept,
            await _database.Ask<string>(
                "SELECT COALESCE(string_agg(id::text, ',' ORDER BY id), '') FROM notes WHERE embedding IS NOT NULL"));
        Assert.Equal(0, (await corpus.Run()).Counts.Claimed);
    }

    [Fact]
    public async Task A_row_that_comes_to_meet_the_filter_is_embedded()
    {
        await using var corpus = Corpus("""[{ "column": "stars", ">": "1", "<": "100" }]""");
        await corpus.MigrateAndRun();

        await _database.Execute("UPDATE notes SET stars = 99 WHERE id = 4");

        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task A_value_that_its_column_cannot_have_is_refused_before_anything_is_changed()
    {
        await using var corpus = Corpus("""[{ "column": "stars", "in": ["1", "many"] }]""");

        var error = await Assert.ThrowsAnyAsync<Exception>(() => corpus.Migrate());

        Assert.Contains("many", error.Message, StringComparison.Ordinal);
        Assert.Equal(6, await _database.Ask<long>("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0"));
    }

    private DeclaredCorpus Corpus(string filter) => new(
        _database.Source,
        Declarations.Notes(
            new { kind = "note", table = "notes", text = "{title}", filter = JsonSerializer.Deserialize<JsonElement>(filter) }));
}
