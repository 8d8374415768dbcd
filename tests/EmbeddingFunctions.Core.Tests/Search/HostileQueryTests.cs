using EmbeddingFunctions.Corpora;
using EmbeddingFunctions.Search;

namespace EmbeddingFunctions.Core.Tests.Search;

/// <summary>What people and scanners type.</summary>
public sealed class HostileQueryTests : SearchTest
{
    private static readonly string[] _queries =
    [
        "!!!", "'\"", "\"", "\"unclosed", "''", "\\", "\\'", "a & | ! b", ":*", "example.com/a:b?x=1", "a/b", "a\0b",
        "lone \ud800 surrogate", "\udc00", "the and of", "'; DROP TABLE notes; --", "%", "_%_", "$q$", "$1", "%s %L %1$s",
        "שלום עולם", "مرحبا", "\u202eabc", "<script>",
        "- -a", "or or", "-", "🙂🙂", new string('x', 10_000),
        string.Join(' ', Enumerable.Range(0, 1_600).Select(n => $"w{n}")),
        string.Concat(Enumerable.Repeat("a-", 5_000)),
        string.Concat(Enumerable.Repeat("(", 5_000)), new string(' ', 9_000) + "x",
        "{title}", "'' || pg_sleep(10) || ''", "\ue000checkout\ue001",
    ];

    [Fact]
    public async Task Each_is_an_ordinary_query_in_every_mode()
    {
        var corpus = await Notes("table", ("The checkout hangs", "a/b"), ("Photos of cats", null));
        foreach (var query in _queries)
        {
            foreach (var mode in Enum.GetValues<SearchMode>())
            {
                var begun = DateTime.UtcNow;
                var answer = await Search(corpus, Ask(query) with { Mode = mode, Highlight = SearchHighlight.Html });
                Assert.All(answer.Results, result => Assert.DoesNotContain("<script", result.Snippet ?? "", StringComparison.Ordinal));
                Assert.True(DateTime.UtcNow - begun < TimeSpan.FromSeconds(10), query[..Math.Min(40, query.Length)]);
            }
        }

        Assert.Equal(2, await Database.Ask<long>("SELECT count(*) FROM notes"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("  \n ")]
    [InlineData("\0")]
    public async Task A_blank_query_finds_nothing(string query)
    {
        var corpus = await Notes("table", ("The checkout hangs", null));

        var answer = await Search(corpus, Ask(query));

        Assert.Empty(answer.Results);
        Assert.Equal("The query is blank.", answer.Degraded);
    }

    [Fact]
    public async Task A_query_of_stop_words_is_answered_by_meaning_and_says_so()
    {
        var corpus = await Notes("column", ("The checkout hangs", null));

        var answer = await Search(corpus, Ask("the and of"));

        Assert.Equal(("1", "no words"), (answer.Results[0].Id, answer.Plan.Text));
        Assert.Contains("no words", answer.Degraded, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_question_of_eight_words_gets_its_rows_by_words_too()
    {
        var corpus = await Notes("column", ("The checkout hangs", null), ("Photos of cats", null));

        var answer = await Search(corpus, Ask("why does our checkout so often never end") with { Mode = SearchMode.Text });

        Assert.Equal(["1"], answer.Results.Select(result => result.Id));
    }

    [Fact]
    public async Task What_cannot_be_used_is_refused_with_its_field()
    {
        var corpus = await Notes("table", ("The checkout hangs", null));
        await Refused("query", Ask(new string('x', 10_001)));
        await Refused("limit", Ask("x") with { Limit = 101 });
        await Refused("limit", Ask("x") with { Limit = 0 });
        await Refused("minSimilarity", Ask("x") with { MinSimilarity = 1.1 });
        await Refused("where[0]", Ask("x") with { Where = [Is("nothing", "x")] });
        await Refused("where[0]", Ask("x") with { Where = [new SearchFilter { Column = "state" }] });
        await Refused("where", Ask("x") with { Where = [Is("id", "no number")] });
        await Refused("columns", Ask("x") with { Columns = ["tenant"] });
        await Refused("cursor", Ask("x") with { Cursor = "x" });
        await Refused("query", new SearchRequest { Corpus = "notes" });
        await Refused("request", new SearchRequest { Corpus = "notes", Vector = [1, 2, 3] });
        await Refused("vector", new SearchRequest { Corpus = "notes", Vector = [float.NaN] });
        await Refused("item", Ask("x") with { Item = new ItemKey("note", "1") });
        await Assert.ThrowsAsync<NotFoundException>(() => Search(corpus, Ask("x") with { Kinds = ["nothing"] }));
        await Assert.ThrowsAsync<NotFoundException>(() => Search(corpus, Ask("x") with { Corpus = "nothing" }));
        await Assert.ThrowsAsync<NotFoundException>(
            () => Search(corpus, new SearchRequest { Corpus = "notes", Item = new ItemKey("note", "99") }));

        async Task Refused(string field, SearchRequest request) =>
            Assert.Equal(field, (await Assert.ThrowsAsync<InvalidSearchException>(() => Search(corpus, request))).Field);
    }

    [Fact]
    public async Task Values_of_filters_are_values_whatever_they_hold()
    {
        var corpus = await Notes("table", ("The checkout hangs", null));
        await Database.Execute("UPDATE notes SET state = $1", "o'); DROP TABLE notes; --");

        Assert.Equal(["1"], await Ids(corpus, Ask("checkout") with { Where = [Is("state", "o'); DROP TABLE notes; --")] }));
        Assert.Empty(await Ids(corpus, Ask("checkout") with { Where = [Is("state", "$q$ \\ ' {")] }));
    }
}
