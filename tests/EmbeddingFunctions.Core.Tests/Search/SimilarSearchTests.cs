using EmbeddingFunctions.Core.Tests.Storage;
using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>More like this.</summary>
public sealed class SimilarSearchTests : SearchTest
{
    private static SearchRequest Like(string id) => new() { Corpus = "notes", Item = new ItemKey("note", id) };

    [Theory]
    [InlineData("column")]
    [InlineData("table")]
    public async Task An_item_is_not_like_itself_and_copies_come_once(string store)
    {
        var corpus = await Notes(
            store, ("late payments", null), ("late payments", null), ("late mails", null), ("late mails", null), ("cats", null));

        var answer = await Search(corpus, Like("1"));

        Assert.Equal(["3", "5"], answer.Results.Select(result => result.Id));
        Assert.Equal(SearchMode.Vector, answer.Mode);
        Assert.Equal(["3"], await Ids(corpus, Like("1") with { Limit = 1 }));
        Assert.Equal(
            ["3", "5"],
            (await Database.Rows("SELECT id FROM embedding.similar_items('notes', 'note', '1', 5)")).Select(row => (string)row[0]!));
    }

    [Fact]
    public async Task An_item_without_a_true_vector_is_like_nothing_and_says_why()
    {
        var corpus = await Notes("table", ("late payments", null), ("late mails", null));
        await Database.Execute("UPDATE notes SET title = 'barking dogs' WHERE id = 1");

        var refused = await Assert.ThrowsAsync<InvalidSearchException>(() => Search(corpus, Like("1")));
        Assert.Contains("no vector of its text yet", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["2"], await Ids(corpus, Like("1") with { IncludeStale = true }));
        Assert.Empty(await Ids(corpus, Like("2")));
        await Database.Execute("DELETE FROM notes WHERE id = 1");
        await Assert.ThrowsAsync<NotFoundException>(() => Search(corpus, Like("1")));
    }

    [Fact]
    public async Task Its_own_partition_is_searched_unless_all_are_asked_for()
    {
        await Database.Execute(
            """
            CREATE TABLE tenants (id int PRIMARY KEY);
            INSERT INTO tenants VALUES (1), (2), (3);
            CREATE TABLE notes (id int PRIMARY KEY, tenant int, title text);
            INSERT INTO notes SELECT n, 1 + n % 3, 'late payments ' || n FROM generate_series(1, 9) n;
            """);
        var corpus = Keep(new DeclaredCorpus(Database.Source, new
        {
            name = "notes",
            store = "table",
            dimensions = 64,
            partitions = new { table = "tenants", column = "id" },
            tables = new[] { new { kind = "note", table = "notes", text = "{title}", partition = "tenant" } },
        }));
        await corpus.MigrateAndRun();

        Assert.Equal(["6", "9"], (await Ids(corpus, Like("3"))).Order());
        Assert.Equal(8, (await Ids(corpus, Like("3") with { Partition = "*" })).Count());
        Assert.Equal(
            5, (await Ids(corpus, Like("3") with { Partition = "*", Scope = new SearchScope(null, ["1", "2"]) })).Count());
        await Assert.ThrowsAsync<NotFoundException>(() => Search(corpus, Like("3") with { Scope = new SearchScope(null, ["2"]) }));
    }

    [Fact]
    public async Task Diversity_leaves_out_what_is_nearly_a_better_item()
    {
        var corpus = await Notes(
            "table", ("late payments again", null), ("late payments again", "!"), ("late payments", null), ("late mails and trains", null));

        Assert.Equal(4, (await Ids(corpus, Ask("late payments again"))).Count());
        var diverse = await Search(corpus, Ask("late payments again") with { Diversity = 0.6 });
        Assert.Equal(["1", "4"], diverse.Results.Select(result => result.Id).Order());
    }
}
