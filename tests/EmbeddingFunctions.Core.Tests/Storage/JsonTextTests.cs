using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Texts within json columns.</summary>
public sealed class JsonTextTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, data jsonb, old json, "data->>'odd'" text);
            INSERT INTO notes VALUES (1, '{"title": "One", "it''s": {"tags": ["a", "b"]}}', '{"x": 1}', 'odd'), (2, NULL, NULL, NULL);
            """);
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task A_path_leads_to_the_text_and_its_edits_are_noted(string store)
    {
        await using var corpus = Corpus(store, "{data->>'title'} {data->'it''s'->'tags'->>1} {old->>'x'} {data->>'odd'}");
        await corpus.Migrate();

        Assert.Equal((1, 1), ((await corpus.Run()).Counts is var counts ? counts.Embedded : 0, counts.Empty));
        await _database.Execute("UPDATE notes SET data = jsonb_set(data, '{other}', '1')");
        Assert.Equal(0, (await corpus.Run()).Counts.Claimed);
        await _database.Execute("UPDATE notes SET data = jsonb_set(data, '{title}', '\"Two\"') WHERE id = 1");
        Assert.Equal(1, (await corpus.Run()).Counts.Embedded);
    }

    [Fact]
    public async Task A_path_into_another_type_is_refused()
    {
        await using var corpus = Corpus("column", "{id->>'title'}");

        var error = await Assert.ThrowsAnyAsync<CorpusException>(() => corpus.Migrate());

        Assert.Contains(
            "{id->>'title'} looks into notes.id, which is of type integer; it takes json or jsonb", error.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data->>'a'", "data", "a")]
    [InlineData("data -> 'a' -> 2 ->> 'b''c'", "data", "a/2/b'c")]
    [InlineData("data->'a'", null, null)]
    [InlineData("->>'a'", null, null)]
    [InlineData("data", null, null)]
    public void A_path_is_written_as_in_Postgres(string name, string? column, string? steps)
    {
        var path = JsonPath.Of(name);

        Assert.Equal((column, steps), (path?.Column, path is null ? null : string.Join('/', path.Steps)));
    }

    private DeclaredCorpus Corpus(string store, string text) => new(
        _database.Source,
        new
        {
            name = "notes",
            dimensions = 16,
            startsPerMinute = 1_000,
            store,
            tables = new[] { new { kind = "note", table = "notes", text } }
        });
}
