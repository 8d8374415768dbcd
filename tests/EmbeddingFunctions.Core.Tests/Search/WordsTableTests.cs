using EmbeddingFunctions.Schema;
using EmbeddingFunctions.Search;
using Npgsql;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>The words of rows follow the rows, and keep no writer from writing.</summary>
public sealed class WordsTableTests : SearchTest
{
    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task Words_follow_inserts_edits_new_keys_deletes_and_truncation(string store)
    {
        var corpus = await Notes(store, ("late payments", null));
        await Database.Execute("INSERT INTO notes (id, title) VALUES (2, 'late mails'), (3, 'late trains')");
        Assert.Equal(["1", "2", "3"], (await Words("late")).Order());

        await Database.Execute("UPDATE notes SET title = 'punctual trains' WHERE id = 3");
        await Database.Execute("UPDATE notes SET id = 22 WHERE id = 2");
        Assert.Equal(["1", "22"], (await Words("late")).Order());

        await Database.Execute("DELETE FROM notes WHERE id = 1");
        Assert.Equal(["22"], await Words("late"));
        Assert.Equal(2, await Database.Ask<long>("SELECT count(*) FROM embedding.words_notes_note"));

        await Database.Execute("TRUNCATE notes");
        Assert.Empty(await Words("late"));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM embedding.words_notes_note"));

        Task<IEnumerable<string>> Words(string query) => Ids(corpus, Ask(query) with { Mode = SearchMode.Text });
    }

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task Writers_only_note_keys_and_a_search_says_what_it_could_not_read(string store)
    {
        var corpus = await Notes(store, ("late payments", null));
        var byWords = Ask("late") with { Mode = SearchMode.Text, Limit = 100 };
        await Database.Execute("INSERT INTO notes (id, title) SELECT n, 'late mail ' || n FROM generate_series(2, 701) n");
        Assert.Equal(1, await Database.Ask<long>("SELECT count(*) FROM embedding.words_notes_note"));

        var first = await Search(corpus, byWords);
        var second = await Search(corpus, byWords);

        Assert.Contains("after the next run", first.Degraded, StringComparison.Ordinal);
        Assert.Null(second.Degraded);
        Assert.Equal(701, await Database.Ask<long>("SELECT count(*) FROM embedding.words_notes_note"));
    }

    [Fact]
    public async Task A_standby_server_finds_what_runs_have_read()
    {
        var corpus = await Notes("table", ("late payments", null));
        await Database.Execute("INSERT INTO notes (id, title) VALUES (2, 'late mails')");
        await using var connection = await Database.Source.OpenConnectionAsync();
        async Task<string?> ReadOnly()
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await new NpgsqlCommand("SET TRANSACTION READ ONLY", connection).ExecuteNonQueryAsync();
            return (string?)await new NpgsqlCommand(
                """
                SELECT jsonb_array_length(a -> 'results') || ' ' || (a ->> 'areBehind')
                FROM   embedding.search('{"corpus": "notes", "query": "late", "mode": "text"}') a
                """,
                connection).ExecuteScalarAsync();
        }

        Assert.Equal("1 true", await ReadOnly());
        await corpus.Run();
        Assert.Equal("2 false", await ReadOnly());
    }

    [Theory]
    [InlineData("string_agg('word' || n, ' ') FROM generate_series(1, 22000) n")]
    [InlineData("string_agg(chr(66560 + n % 40) || chr(66560 + n / 40), '-') FROM generate_series(1, 50000) n")]
    [InlineData("string_agg('https://example.com/path/' || n || '?q=' || md5(n::text), ' ') FROM generate_series(1, 3000) n")]
    [InlineData("left(encode(string_agg(sha256(n::text::bytea), ''), 'base64'), 200000) FROM generate_series(1, 5000) n")]
    [InlineData("repeat('a', 200000)")]
    [InlineData("string_agg(chr(19968 + n % 20000), '') FROM generate_series(1, 200000) n")]
    public async Task A_writer_may_insert_200_000_characters_of_anything(string text)
    {
        var corpus = await Notes("table", ("late payments", null));

        await Database.Execute($"INSERT INTO notes (id, title, body) SELECT 2, (SELECT {text}), (SELECT {text})");
        await Database.Execute("UPDATE notes SET title = title || ' late' WHERE id = 2");

        Assert.InRange((await Database.Ask<string>("SELECT title FROM notes WHERE id = 2"))!.Length, 100_000, 400_000);
        Assert.Contains("1", await Ids(corpus, Ask("late payments") with { Mode = SearchMode.Text }));
    }

    [Fact]
    public async Task A_changed_declaration_reads_the_words_again()
    {
        var corpus = await Notes("table", ("late payments", "trains"));
        var titles = Declare("table", Note(new { weights = new { title = "A" } }));
        Assert.NotEmpty(await Ids(corpus, Ask("trains") with { Mode = SearchMode.Text }));

        await titles.Migrate();

        Assert.Empty(await Ids(titles, Ask("trains") with { Mode = SearchMode.Text }));
        Assert.NotEmpty(await Ids(titles, Ask("payments") with { Mode = SearchMode.Text }));
    }

    [Fact]
    public async Task Each_row_may_have_a_language_of_its_own()
    {
        await Database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, lang text);
            INSERT INTO notes VALUES (1, 'running shoes', 'en'), (2, 'die Häuser brennen', 'german'), (3, 'shoes', 'klingon'),
                (4, 'shoes', NULL);
            """);
        var corpus = Declare("table", new { kind = "note", table = "notes", text = "{title}", search = new { languageColumn = "lang" } });
        await corpus.MigrateAndRun();

        Assert.Equal(["1"], await Ids(corpus, Ask("runs") with { Mode = SearchMode.Text }));
        Assert.Equal(["2"], await Ids(corpus, Ask("Haus") with { Mode = SearchMode.Text }));
        Assert.Equal(["1", "3", "4"], (await Ids(corpus, Ask("shoes") with { Mode = SearchMode.Text })).Order());
    }

    [Fact]
    public async Task A_textSearch_column_serves_where_it_is_declared()
    {
        await Database.Execute(
            "CREATE TABLE notes (id int PRIMARY KEY, title text); INSERT INTO notes VALUES (1, 'lovens virkeområde'), (2, 'katter')");
        var corpus = Declare("column", new { kind = "note", table = "notes", text = "{title}", textSearch = "norwegian" });
        await corpus.MigrateAndRun();

        var answer = await Search(corpus, Ask("lov") with { Mode = SearchMode.Text });

        Assert.Equal(["1"], answer.Results.Select(result => result.Id));
        Assert.Null(await Database.Ask<string>("SELECT to_regclass('embedding.words_notes_note')::text"));
    }

    [Fact]
    public async Task Taking_the_corpus_down_takes_the_words_and_their_triggers()
    {
        var corpus = await Notes("column", ("late payments", null));

        await corpus.Get<CorpusRemoval>().Remove("notes", null, default);

        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'notes'::regclass"));
        Assert.Equal(0, await Database.Ask<long>("SELECT count(*) FROM pg_class WHERE relname ~ '^words_' OR relname ~ '_words_'"));
        Assert.Null(await Database.Ask<string>("SELECT to_regprocedure('embedding.search_of_notes()')::text"));
    }
}
