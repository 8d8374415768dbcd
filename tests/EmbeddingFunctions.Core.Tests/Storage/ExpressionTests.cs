using System.Text.Json.Nodes;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Testing;

namespace EmbeddingFunctions.Core.Tests.Storage;

/// <summary>Named SQL expressions in a text, in both stores.</summary>
public sealed class ExpressionTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.Empty();
        await _database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, "longText" text, parts int, made timestamptz DEFAULT now());
            INSERT INTO notes VALUES (1, 'One', repeat('long ', 1000), 2), (2, 'Two', 'short', 0), (3, 'Three', NULL, 1);
            CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
            """);
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task An_expression_is_part_of_the_text_and_an_edit_of_what_it_reads_is_noted(string store)
    {
        await using var corpus = Corpus(store, """left("longText", 10) || ' ' || public.shout(title)""");
        await corpus.Migrate();
        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);

        await _database.Execute("""UPDATE notes SET parts = 3; UPDATE notes SET "longText" = "longText" || '!' WHERE id = 1""");
        Assert.Equal(0, (await corpus.Run()).Counts.Claimed);
        await _database.Execute("UPDATE notes SET title = 'Other' WHERE id = 2; UPDATE notes SET \"longText\" = 'now' WHERE id = 3");
        Assert.Equal(2, (await corpus.Run()).Counts.Embedded);

        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_proc WHERE proname LIKE 'expression_%'"));
    }

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task Another_expression_of_the_name_has_every_text_looked_at(string store)
    {
        await using var before = Corpus(store, "lower(title)");
        await before.MigrateAndRun();
        await using var after = Corpus(store, "lower(title) || CASE WHEN id = 2 THEN '!' ELSE '' END");

        Assert.Contains(
            "run 'embeddings migrate notes'",
            (await Assert.ThrowsAnyAsync<CorpusException>(() => after.Run())).Message, StringComparison.OrdinalIgnoreCase);
        var counts = (await after.MigrateAndRun()).Counts;

        Assert.Equal((1, 2), (counts.Embedded, counts.Unchanged));
    }

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task A_row_whose_values_an_expression_does_not_take_has_no_text_of_it_and_its_writer_sees_nothing(string store)
    {
        await using var corpus = Corpus(store, "'parts ' || 10 / parts");
        await corpus.MigrateAndRun();

        await _database.Execute("UPDATE notes SET parts = 0 WHERE id = 1");
        var counts = (await corpus.Run()).Counts;

        Assert.Equal((0, 1), (counts.Embedded, counts.Empty));
    }

    [Theory]
    [InlineData("left(titel, 5) || title", "column \"titel\" does not exist")]
    [InlineData("title || now()", "is not immutable")]
    [InlineData("made", "is not immutable, or becomes text in a way that depends on settings")]
    [InlineData("shout(title)", "function shout(text) does not exist")]
    [InlineData("(SELECT title FROM notes LIMIT 1)", "does not fit notes")]
    [InlineData("max(title)", "aggregate functions are not allowed")]
    [InlineData("1 + 1", "reads no column of notes")]
    [InlineData("title); DROP TABLE notes; SELECT (1", "closes a bracket that it does not open")]
    [InlineData("title; DROP TABLE notes", "has ;, which no expression may have")]
    [InlineData("title -- ", "has --, which no expression may have")]
    [InlineData("title /* ", "has /*, which no expression may have")]
    [InlineData("$x$ title $x$ || title", "has $, which no expression may have")]
    [InlineData("E'\\'' || title || '); DROP TABLE notes; --'", "a quote with a letter in front")]
    [InlineData("U&\"t\" || title", "a quote with a letter in front")]
    [InlineData("title || 'x", "does not close a quote")]
    [InlineData("left(title, 5", "does not close a bracket")]
    [InlineData(" ", "is empty")]
    public async Task What_is_no_immutable_expression_over_the_row_is_refused_and_nothing_is_made(string expression, string told)
    {
        var error = await Assert.ThrowsAnyAsync<CorpusException>(async () =>
        {
            await using var corpus = Corpus("table", expression);
            await corpus.Migrate();
        });

        Assert.Contains(told, error.Message, StringComparison.Ordinal);
        Assert.Contains("summary", error.Message, StringComparison.Ordinal);
        Assert.Equal(3, await _database.Ask<long>("SELECT count(*) FROM notes"));
        Assert.Equal(0, await _database.Ask<long>("SELECT count(*) FROM pg_namespace WHERE nspname = 'embedding'"));
    }

    [Theory]
    [InlineData("title || ' ' || \"longText\"", "title,longText")]
    [InlineData("LEFT(Title, 5)::text", "title")]
    [InlineData("coalesce(t.title, 'it''s \"quoted\"')", "t")]
    [InlineData("\"a \"\" b\"[1]", "a \" b")]
    public void The_names_in_an_expression_are_read_as_Postgres_reads_them(string expression, string names) =>
        Assert.Equal(names, string.Join(',', SqlExpression.Names(expression)));

    private DeclaredCorpus Corpus(string store, string expression) => new(
        _database.Source,
        new JsonObject
        {
            ["name"] = "notes",
            ["dimensions"] = 16,
            ["startsPerMinute"] = 1_000,
            ["store"] = store,
            ["tables"] = new JsonArray(new JsonObject
            {
                ["kind"] = "note",
                ["table"] = "notes",
                ["text"] = "{summary}",
                ["expressions"] = new JsonObject { ["summary"] = expression },
            }),
        });
}
