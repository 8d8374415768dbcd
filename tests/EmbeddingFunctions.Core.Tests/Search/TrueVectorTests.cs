using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>An item is found by the vector of its text as it is, or not by a vector at all.</summary>
public sealed class TrueVectorTests : SearchTest
{
    public static TheoryData<string> Stores => ["column", "table"];

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task An_edited_row_is_found_by_its_new_words_and_not_by_its_old_vector(string store)
    {
        var corpus = await Notes(store, ("late payments", null), ("sleeping cats", null));
        await Database.Execute("UPDATE notes SET title = 'barking dogs' WHERE id = 1");

        var old = await Search(corpus, Ask("late payments"));
        var current = await Search(corpus, Ask("barking dogs"));
        var shown = await Search(corpus, Ask("late payments") with { IncludeStale = true });

        Assert.DoesNotContain(old.Results, result => result.Id == "1");
        var found = Assert.Single(current.Results, result => result.Id == "1");
        Assert.Equal((null, 1, null, true), (found.VectorRank, found.TextRank, found.Similarity, found.Stale));
        var stale = Assert.Single(shown.Results, result => result.Id == "1");
        Assert.Equal((1, true), (stale.VectorRank, stale.Stale));

        await corpus.Run();
        found = Assert.Single((await Search(corpus, Ask("barking dogs"))).Results, result => result.Id == "1");
        Assert.Equal((1, false), (found.VectorRank, found.Stale));
    }

    [Theory]
    [InlineData("column", "NULL")]
    [InlineData("column", "''")]
    [InlineData("table", "NULL")]
    [InlineData("table", "''")]
    public async Task A_vector_whose_text_is_not_known_is_not_searched(string store, string hash)
    {
        var corpus = await Notes(store, ("late payments", null), ("sleeping cats", null));
        var holder = store == "column" ? "notes" : "embedding.vectors_notes_note";
        await Database.Execute(
            $"UPDATE {holder} SET embedding = (SELECT embedding FROM {holder} WHERE id = 2), content_hash = {hash} WHERE id = 1");

        Assert.Equal(["2"], await Ids(corpus, Ask("sleeping cats") with { Mode = SearchMode.Vector }));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_key_that_is_used_again_has_nothing_of_the_row_before(string store)
    {
        var corpus = await Notes(store, ("late payments", null), ("sleeping cats", null));
        await Database.Execute("DELETE FROM notes WHERE id = 1");
        Assert.Equal(["2"], await Ids(corpus, Ask("late payments")));

        await Database.Execute("INSERT INTO notes (id, title) VALUES (1, 'barking dogs')");

        Assert.Equal(["2"], await Ids(corpus, Ask("late payments")));
        Assert.Contains("1", await Ids(corpus, Ask("barking dogs")));
        await corpus.Run();
        Assert.Equal("1", (await Ids(corpus, Ask("barking dogs") with { Mode = SearchMode.Vector })).First());
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_row_that_failed_or_is_ignored_is_never_shown(string store)
    {
        var corpus = await Notes(store, ("late payments", null), ("late payments", "again"), ("sleeping cats", null));
        var holder = store == "column" ? "notes" : "embedding.vectors_notes_note";
        await Database.Execute($"UPDATE {holder} SET embedding = NULL, embedding_model = NULL, embedding_state = 'failed' WHERE id = 1");
        await Database.Execute($"UPDATE {holder} SET embedding_state = 'ignored' WHERE id = 2");

        Assert.Equal(["3"], await Ids(corpus, Ask("late payments")));
        Assert.Empty(await Ids(corpus, Ask("late payments") with { Mode = SearchMode.Text }));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_row_that_left_the_filter_is_never_shown(string store)
    {
        await Database.Execute(
            """
            CREATE TABLE notes (id int PRIMARY KEY, title text, deleted_at timestamptz);
            INSERT INTO notes VALUES (1, 'late payments'), (2, 'late mails');
            """);
        var corpus = Declare(
            store,
            new
            {
                kind = "note",
                table = "notes",
                text = "{title}",
                search = new { language = "english" },
                filter = new[] { new { column = "deleted_at", isNull = true } },
            });
        await corpus.MigrateAndRun();
        Assert.Equal(2, (await Ids(corpus, Ask("late"))).Count());

        await Database.Execute("UPDATE notes SET deleted_at = now() WHERE id = 1");

        Assert.Equal(["2"], await Ids(corpus, Ask("late payments")));
        Assert.Equal(["2"], await Ids(corpus, Ask("late") with { Mode = SearchMode.Text }));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Rows_of_inactive_partitions_and_of_other_tenants_are_never_shown(string store)
    {
        await Database.Execute(
            """
            CREATE TABLE tenants (id int PRIMARY KEY, active boolean NOT NULL);
            INSERT INTO tenants VALUES (1, true), (2, true), (3, true);
            CREATE TABLE notes (id int PRIMARY KEY, tenant int, title text);
            INSERT INTO notes SELECT n, 1 + n % 3, 'late payments ' || n FROM generate_series(1, 9) n;
            """);
        var corpus = Keep(new DeclaredCorpus(Database.Source, new
        {
            name = "notes",
            store,
            dimensions = 64,
            startsPerMinute = 1_000,
            partitions = new { table = "tenants", column = "id", filter = new[] { new { column = "active", equalTo = "true" } } },
            tables = new[] { new { kind = "note", table = "notes", text = "{title}", partition = "tenant", search = new { } } },
        }));
        await corpus.MigrateAndRun();
        await Database.Execute("UPDATE tenants SET active = false WHERE id = 3");

        var all = await Search(corpus, Ask("late payments"));
        var one = await Search(corpus, Ask("late payments") with { Partition = "1" });
        var scoped = await Search(corpus, Ask("late payments") with { Scope = new SearchScope(["notes"], ["2", "3"]) });

        Assert.Equal(["1", "2"], all.Results.Select(result => result.Partition!).Distinct().Order());
        Assert.Equal(6, all.Results.Count);
        Assert.Equal(["3", "6", "9"], one.Results.Select(result => result.Id).Order());
        Assert.Equal(["2"], scoped.Results.Select(result => result.Partition!).Distinct());
        await Assert.ThrowsAsync<NotFoundException>(() => Search(
            corpus, Ask("late") with { Partition = "1", Scope = new SearchScope(null, ["2"]) }));
        await Assert.ThrowsAsync<NotFoundException>(() => Search(
            corpus, Ask("late") with { Scope = new SearchScope(["others"], null) }));
        await Assert.ThrowsAsync<InvalidSearchException>(() => Search(corpus, Ask("late") with { Partition = "x" }));
    }
}
